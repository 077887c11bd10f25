// Several contents in one root file system: packages, and what is built, linked from the store.
import { binSh, buildImage, debian, usrBinEnv, writeScriptBin, writeTextDir } from "tare";

const { packages } = debian("bookworm");

export default buildImage({
  name: "editors",
  copyToRoot: [
    packages.coreutils,
    binSh(),
    usrBinEnv(),
    writeTextDir("etc/one", "first\n"),
    writeTextDir("etc/two", "second\n"),
    writeScriptBin("both", "#!/usr/bin/env sh\ncat /etc/one /etc/two\n"),
  ],
  config: { Cmd: ["/bin/both"] },
});
