%% Accepts connections, and answers each in a process of its own.
-module(greeter_listener).
-export([start_link/1, listen/1]).

-include_lib("kernel/include/logger.hrl").

start_link(Port) ->
    {ok, proc_lib:spawn_link(?MODULE, listen, [Port])}.

listen(Port) ->
    Options = [binary, {packet, http_bin}, {active, false}, {reuseaddr, true}],
    {ok, Socket} = gen_tcp:listen(Port, Options),
    ?LOG_NOTICE("listening on port ~b", [Port]),
    accept(Socket).

accept(Socket) ->
    {ok, Client} = gen_tcp:accept(Socket),
    Process = proc_lib:spawn(fun() -> receive go -> answer(Client) end end),
    _ = gen_tcp:controlling_process(Client, Process),
    Process ! go,
    accept(Socket).

answer(Client) ->
    {ok, {http_request, _Method, {abs_path, Path}, _Version}} = gen_tcp:recv(Client, 0, 5000),
    Body = ["hello, ", filename:basename(Path), "\n"],
    Head = ["HTTP/1.1 200 OK\r\ncontent-length: ", integer_to_list(iolist_size(Body)), "\r\nconnection: close\r\n\r\n"],
    ok = gen_tcp:send(Client, [Head, Body]),
    gen_tcp:close(Client).
