// What an image.ts imports from "tare". Nothing else is public.

export {
  goBinary,
  mixRelease,
  nodeApp,
  pythonApp,
  pythonEnv,
  rebar3Release,
  rustBinary,
} from "./evaluate/applications.ts";
export type { BeamRelease, BeamReleaseOptions } from "./evaluate/apps/beam-release.ts";
export type { Binary } from "./evaluate/apps/binary.ts";
export type { GoBinaryOptions } from "./evaluate/apps/go-binary.ts";
export type { HexSources } from "./evaluate/apps/hex-packages.ts";
export type { MixReleaseOptions } from "./evaluate/apps/mix-release.ts";
export type { NodeApp, NodeAppOptions } from "./evaluate/apps/node-app.ts";
export type { ProjectSource } from "./evaluate/apps/project.ts";
export type { PythonAppOptions } from "./evaluate/apps/python-app.ts";
export type { PythonEnvOptions } from "./evaluate/apps/python-env.ts";
export type { Rebar3ReleaseOptions } from "./evaluate/apps/rebar3-release.ts";
export type { RustBinaryOptions } from "./evaluate/apps/rust-binary.ts";
export type { PulledImage, PullImageOptions } from "./evaluate/base-image.ts";
export { pullImage } from "./evaluate/base-image.ts";
export type { BuildImageOptions, ExportImageOptions } from "./evaluate/build-image.ts";
export { buildImage, exportImage, mergeImages, streamLayeredImage } from "./evaluate/build-image.ts";
export type {
  LayerContent,
  LayerDescription,
  LayerOptions,
  PermissionOptions,
} from "./evaluate/build-layer.ts";
export { buildLayer } from "./evaluate/build-layer.ts";
export type { ImageContent, LayeredImageOptions, PlannerName } from "./evaluate/build-layered-image.ts";
export { buildLayeredImage } from "./evaluate/build-layered-image.ts";
export type {
  CustomisationOptions,
  DirectoryOptions,
  TextFileOptions,
  UserOptions,
} from "./evaluate/customisation.ts";
export type {
  Derivation,
  DerivationAttributes,
  DerivationOptions,
  EnvValue,
  Output,
} from "./evaluate/derivation.ts";
export { derivation } from "./evaluate/derivation.ts";
export { binSh, caCertificates, fakeNss, shadowSetup, usrBinEnv } from "./evaluate/docker-helpers.ts";
export { place } from "./evaluate/place.ts";
export type { RunCommandOptions } from "./evaluate/run-command.ts";
export { runCommand } from "./evaluate/run-command.ts";
export type { ShellImageOptions } from "./evaluate/shell-image.ts";
export { buildShellImage, streamShellImage } from "./evaluate/shell-image.ts";
export type { PathOptions } from "./evaluate/source-path.ts";
export { path } from "./evaluate/source-path.ts";
export type { BuildEnvOptions, FetchUrlOptions, SymlinkJoinOptions } from "./evaluate/trivial-builders.ts";
export {
  buildEnv,
  fetchUrl,
  symlinkJoin,
  writeScript,
  writeScriptBin,
  writeText,
  writeTextDir,
} from "./evaluate/trivial-builders.ts";
export { TareError } from "./model/errors.ts";
export type {
  Architecture,
  ArchiveReference,
  CompressionName,
  ImageConfig,
  ImageSpec,
  LocalFile,
  PlacedOutput,
  Request,
} from "./model/image-spec.ts";
export type { LayeringOperation, LayeringPipeline, SplitPath } from "./model/layering-pipeline.ts";
export { OptionError } from "./model/options.ts";
export type { DebianArchive, DebianOptions } from "./sources/debian/request.ts";
export { debian } from "./sources/debian/request.ts";
export type {
  BinaryCacheOptions,
  NixSource,
  NixStoreOptions,
  StorePathRequest,
} from "./sources/nix/request.ts";
export { binaryCache, nixStore } from "./sources/nix/request.ts";
export type { FileOptions } from "./sources/path/file.ts";
export { file } from "./sources/path/file.ts";
