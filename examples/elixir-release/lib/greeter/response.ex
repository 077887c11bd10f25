defmodule Greeter.Response do
  def send(client) do
    {:ok, {:http_request, _method, {:abs_path, path}, _version}} = :gen_tcp.recv(client, 0, 5_000)
    body = "hello, #{Path.basename(path)}\n"
    head = "HTTP/1.1 200 OK\r\ncontent-length: #{byte_size(body)}\r\nconnection: close\r\n\r\n"
    :gen_tcp.send(client, [head, body])
    :gen_tcp.close(client)
  end
end
