defmodule Greeter.Application do
  use Application

  @impl true
  def start(_type, _args) do
    children = [
      {Task.Supervisor, name: Greeter.Connections},
      {Greeter.Listener, Application.fetch_env!(:greeter, :port)}
    ]

    Supervisor.start_link(children, strategy: :rest_for_one, name: Greeter.Supervisor)
  end
end
