defmodule Greeter.Listener do
  @moduledoc "Accepts connections, and hands each to a task of its own."
  use Task, restart: :permanent
  require Logger

  def start_link(port), do: Task.start_link(__MODULE__, :listen, [port])

  def listen(port) do
    {:ok, socket} = :gen_tcp.listen(port, [:binary, packet: :http_bin, active: false, reuseaddr: true])
    Logger.info("listening on port #{port}")
    accept(socket)
  end

  defp accept(socket) do
    {:ok, client} = :gen_tcp.accept(socket)
    {:ok, task} = Task.Supervisor.start_child(Greeter.Connections, Greeter.Response, :send, [client])
    # A client that is gone by now has closed its socket itself.
    :gen_tcp.controlling_process(client, task)
    accept(socket)
  end
end
