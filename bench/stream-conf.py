"""What dockerTools' stream script does with its layers, by Python's tarfile: `stream-conf.py CONF ROOT` to stdout, and
the seconds without the start of Python to stderr.

Each layer is written twice: once to hash it, since the archive names it by its digest, and once through a pipe into the
archive. Written for comparison after the description in test/fixtures/nix/NOTES.md, section 8.
"""
import hashlib
import json
import os
import sys
import tarfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../test/fixtures/dockertools"))
from layer import write_layer  # noqa: E402


class Digest:
    def __init__(self):
        self.hash, self.size = hashlib.sha256(), 0

    def write(self, data):
        self.hash.update(data)
        self.size += len(data)


def add_layer(tar, root, paths):
    digest = Digest()
    write_layer(digest, root, paths)
    info = tarfile.TarInfo(digest.hash.hexdigest() + "/layer.tar")
    info.size, info.mtime = digest.size, 1
    read, write = os.pipe()
    with open(read, "rb") as reader:

        def produce():
            with open(write, "wb") as writer:
                write_layer(writer, root, paths)

        thread = threading.Thread(target=produce)
        thread.start()
        tar.addfile(info, reader)
        thread.join()


def main():
    with open(sys.argv[1]) as file:
        conf = json.load(file)
    with tarfile.open(mode="w|", fileobj=sys.stdout.buffer) as tar:
        for paths in conf["store_layers"]:
            add_layer(tar, sys.argv[2].rstrip("/"), paths)


start = time.perf_counter()
main()
print(time.perf_counter() - start, file=sys.stderr)
