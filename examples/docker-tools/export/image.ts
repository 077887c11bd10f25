// The files of an image as one tar.
import { buildImage, debian, exportImage } from "tare";

const { packages } = debian("bookworm");

export default exportImage({ fromImage: buildImage({ name: "shell", copyToRoot: packages.dash }) });
