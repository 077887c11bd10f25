// Answers with the gzip-compressed size of the path that is asked for: libz at work.

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

int main(void) {
  const char *port = getenv("PORT");
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port ? atoi(port) : 8080)};
  int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 16) != 0) {
    perror("cannot listen");
    return 1;
  }
  for (;;) {
    int client = accept(listener, NULL, NULL);
    if (client < 0) continue;
    char request[4096] = "", path[1024] = "", answer[256], packed[8192];
    if (read(client, request, sizeof request - 1) > 0) sscanf(request, "%*s %1023s", path);
    uLongf size = sizeof packed;
    compress((Bytef *)packed, &size, (Bytef *)path, strlen(path));
    int length = snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nzlib %s: %zu bytes become %lu\n",
                          zlibVersion(), strlen(path), (unsigned long)size);
    if (write(client, answer, length) < 0) perror("cannot answer");
    close(client);
  }
}
