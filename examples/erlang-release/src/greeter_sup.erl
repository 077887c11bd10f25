-module(greeter_sup).
-behaviour(supervisor).
-export([start_link/1, init/1]).

start_link(Port) ->
    supervisor:start_link({local, ?MODULE}, ?MODULE, Port).

init(Port) ->
    Listener = #{id => listener, start => {greeter_listener, start_link, [Port]}},
    {ok, {#{strategy => one_for_one}, [Listener]}}.
