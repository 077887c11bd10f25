// The certificates of authorities where programs look for them.
import { buildLayeredImage, caCertificates, debian } from "tare";

const { packages } = debian("bookworm");

export default buildLayeredImage({
  name: "image-with-certs",
  contents: [packages.dash, packages.coreutils, caCertificates()],
  config: {
    Cmd: [
      "sh",
      "-c",
      "for i in ssl/certs/ca-bundle.crt ssl/certs/ca-certificates.crt pki/tls/certs/ca-bundle.crt; do test -r /etc/$i && echo $i; done",
    ],
  },
});
