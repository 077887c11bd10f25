// What Mix asks about hex packages, answered without Hex: packages are where the build unpacked them, and the lock says
// which; and `mix release` for one release by name, also when mix.exs has none. Source: Elixir's behaviours Mix.SCM and
// Mix.Task. Loaded with `elixir -r` before Mix starts.

export const MIX_EXTENSION = `defmodule Tare.HexPackages do
  @behaviour Mix.SCM

  def fetchable?, do: true
  def format(opts), do: "hex package #{opts[:hex]}"
  def format_lock(opts), do: with({:hex, _, version, _, _, _, _, _} <- opts[:lock], do: version, else: (_ -> nil))

  def accepts_options(app, opts), do: opts |> Keyword.put_new(:hex, to_string(app)) |> Keyword.put(:application, app)

  # Mix asks this first, before it says what is locked.
  def checked_out?(opts) do
    unless Map.has_key?(Mix.Dep.Lock.read(), opts[:application]) do
      Mix.raise("mix.lock does not pin #{opts[:hex]}, which the project or a dependency asks for: run mix deps.get, and commit mix.lock")
    end

    File.dir?(opts[:dest])
  end

  def lock_status(opts), do: if(opts[:lock], do: :ok, else: :mismatch)
  def equal?(one, other), do: one[:hex] == other[:hex]

  def managers(opts) do
    case opts[:lock] do
      {:hex, _, _, _, managers, _, _, _} -> managers
      _ -> []
    end
  end

  def checkout(opts), do: Mix.raise("#{opts[:hex]} is not among the packages of the build")
  def update(opts), do: checkout(opts)
end

defmodule Mix.Tasks.Tare.Release do
  use Mix.Task

  def run([name | rest]) do
    config = Mix.Project.config()
    releases = Keyword.keys(config[:releases] || [])
    known = if releases == [], do: List.wrap(config[:app]), else: releases

    unless name in Enum.map(known, &to_string/1) do
      Mix.raise("mix.exs has no release #{name}; it has #{Enum.join(known, ", ")}")
    end

    Mix.Task.run("release", if(releases == [], do: rest, else: [name | rest]))
  end
end

Mix.start()
Mix.SCM.append(Tare.HexPackages)
`;
