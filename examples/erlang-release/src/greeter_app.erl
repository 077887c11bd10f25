-module(greeter_app).
-behaviour(application).
-export([start/2, stop/1]).

start(_Type, _Arguments) ->
    greeter_sup:start_link(list_to_integer(os:getenv("PORT", "4000"))).

stop(_State) ->
    ok.
