// What runs in the sandbox to build Python: a front end of PEP 517 that fetches nothing, and a compiler of bytecode.
// Specifications: PEP 517 (build hooks), PEP 427 (installing a wheel), PEP 552 (pycs that are checked by hash, or not).

/**
 * Builds what the list `$sources/sources.json` names, and installs it to `$out` as an environment without a place:
 * scripts start with the Python of `$prefix`. Modules below `$groups` can be imported by builds.
 */
export const BUILD_SCRIPT = String.raw`
import base64, configparser, csv, hashlib, importlib, importlib.metadata, json, os, re, shutil, sys, tarfile, tomllib, zipfile

NAME, OUT, PREFIX = "", os.environ["out"], os.environ["prefix"]
SITE = "lib/python%d.%d/site-packages" % sys.version_info[:2]

def fail(text):
    sys.stdout.flush()
    sys.exit("Cannot build %s: %s" % (NAME, text))

def main():
    global NAME
    base = os.environ["sources"]
    with open(base + "/sources.json", encoding="utf-8") as file:
        todo = json.load(file)
    os.makedirs(OUT)
    groups = os.environ.get("groups")
    if groups:
        import site
        os.environ["PATH"] = groups + "/bin:" + os.environ["PATH"]
        os.environ["PYTHONPATH"] = groups + "/" + SITE
        sys.path.insert(0, groups + "/" + SITE)
    for number, source in enumerate(todo):
        NAME = source["name"]
        print("building", NAME, flush=True)
        work = "/build/%d" % number
        project = unpack(os.path.join(base, source["path"]), work + "/source")
        os.makedirs(work + "/wheel")
        # A backend may leave anything behind in its process.
        child = os.fork()
        if child == 0:
            build(source, project, work)
        if os.waitpid(child, 0)[1] != 0:
            sys.exit(1)
        install(work + "/wheel")

def unpack(path, to):
    if os.path.isdir(path):
        shutil.copytree(path, to, symlinks=True)
        allow_writing(to)
        return to
    os.makedirs(to)
    if path.endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            archive.extractall(to)
    else:
        with tarfile.open(path) as archive:
            # Python 3.11 of Debian has no filters yet; what an archive could reach is the sandbox.
            archive.extractall(to, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    allow_writing(to)
    names = os.listdir(to)
    if len(names) != 1:
        fail("its archive has no directory that all is in")
    return to + "/" + names[0]

def allow_writing(top):
    for directory, names, files in os.walk(top):
        for path in [directory] + [os.path.join(directory, file) for file in files]:
            if not os.path.islink(path):
                os.chmod(path, os.stat(path).st_mode | 0o600)

def is_installed(name):
    try:
        importlib.metadata.distribution(name)
        return True
    except importlib.metadata.PackageNotFoundError:
        return False

def require(names):
    missing = [name for name in names if not is_installed(name)]
    if missing:
        fail("its build needs %s, which is not there: add what has it to buildInputs or buildGroups" % " and ".join(missing))

def build(source, project, work):
    os.chdir(project)
    module, _, attribute = source["backend"].partition(":")
    if module == "uv_build" and not is_installed("uv-build"):
        copy_project(project, work + "/wheel")
        finish()
    sys.path[:0] = [os.path.join(project, path) for path in source["backendPath"]]
    require(source["requires"])
    try:
        backend = importlib.import_module(module)
    except ImportError as error:
        fail("its backend %s cannot be imported (%s): add what has it to buildInputs or buildGroups" % (module, error))
    for part in filter(None, attribute.split(".")):
        backend = getattr(backend, part)
    if hasattr(backend, "get_requires_for_build_wheel"):
        asked = [item for item in backend.get_requires_for_build_wheel({}) if ";" not in item]
        require([re.match(r"[A-Za-z0-9._-]+", item).group() for item in asked])
    os.makedirs(work + "/dist")
    wheel = backend.build_wheel(work + "/dist", {})
    with zipfile.ZipFile(work + "/dist/" + wheel) as archive:
        for member in archive.infolist():
            path = archive.extract(member, work + "/wheel")
            mode = member.external_attr >> 16
            if mode & 0o100 and not member.is_dir():
                os.chmod(path, 0o755)
    finish()

def finish():
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)

def copy_project(project, wheel):
    with open("pyproject.toml", "rb") as file:
        root = tomllib.load(file)
    about = root["project"]
    name, version = about["name"], about.get("version")
    if version is None:
        fail("pyproject.toml has no version")
    settings = root.get("tool", {}).get("uv", {}).get("build-backend", {})
    modules = settings.get("module-name", re.sub(r"[-.]+", "_", name).lower())
    top = settings.get("module-root", "src")
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
    for module in [modules] if isinstance(modules, str) else modules:
        path = os.path.join(top, module.replace(".", "/"))
        if not os.path.isdir(path):
            fail("it has no directory %s, which uv_build takes for its module" % path)
        shutil.copytree(path, os.path.join(wheel, module.replace(".", "/")), ignore=ignored)
    info = "%s/%s-%s.dist-info" % (wheel, re.sub(r"[-_.]+", "_", name), version)
    os.makedirs(info)
    lines = ["Metadata-Version: 2.1", "Name: " + name, "Version: " + version]
    lines += ["Requires-Python: " + about["requires-python"]] if "requires-python" in about else []
    lines += ["Requires-Dist: " + item for item in about.get("dependencies", [])]
    for extra, items in about.get("optional-dependencies", {}).items():
        lines.append("Provides-Extra: " + extra)
        for item in items:
            requirement, _, marker = (part.strip() for part in item.partition(";"))
            also = "(%s) and " % marker if marker else ""
            lines.append("Requires-Dist: %s; %sextra == '%s'" % (requirement, also, extra))
    write(info + "/METADATA", "\n".join(lines) + "\n")
    write(info + "/WHEEL", "Wheel-Version: 1.0\nGenerator: tare\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    groups = {"console_scripts": about.get("scripts", {}), "gui_scripts": about.get("gui-scripts", {})}
    groups.update(about.get("entry-points", {}))
    text = "".join(
        "[%s]\n%s\n" % (group, "".join("%s = %s\n" % item for item in points.items()))
        for group, points in groups.items() if points
    )
    if text:
        write(info + "/entry_points.txt", text)

def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write(text)
    os.chmod(path, mode)

def install(wheel):
    found = [name for name in os.listdir(wheel) if name.endswith(".dist-info")]
    if len(found) != 1:
        fail("its wheel has no .dist-info directory, or several")
    info, data, placed = found[0], found[0][: -len(".dist-info")] + ".data", []
    about = importlib.metadata.PathDistribution.at(os.path.join(wheel, info))
    places = {
        "purelib": SITE, "platlib": SITE, "data": "", "scripts": "bin",
        "headers": "include/site/python%d.%d/%s" % (*sys.version_info[:2], about.metadata["Name"]),
    }
    for directory, names, files in os.walk(wheel):
        names[:] = sorted(name for name in names if name != "__pycache__")
        for file in sorted(files):
            path = os.path.relpath(os.path.join(directory, file), wheel)
            first, _, rest = path.partition("/")
            if first == info and rest in ("RECORD", "RECORD.jws", "RECORD.p7s", "INSTALLER", "direct_url.json"):
                continue
            place = SITE + "/" + path
            if first == data:
                scheme, _, rest = rest.partition("/")
                if scheme not in places:
                    fail("its wheel has files for the unknown scheme %s" % scheme)
                place = os.path.join(places[scheme], rest)
            copy(os.path.join(wheel, path), place, place.startswith("bin/"))
            placed.append(place)
    points = configparser.ConfigParser(delimiters=("=",), interpolation=None, strict=False)
    points.optionxform = str
    points.read_string(about.read_text("entry_points.txt") or "")
    for group in ("console_scripts", "gui_scripts"):
        for name, value in sorted(points.items(group)) if points.has_section(group) else []:
            module, _, attribute = (part.strip() for part in value.partition("[")[0].partition(":"))
            if not attribute or "/" in name:
                fail("its script %s is no function of a module" % name)
            first = attribute.split(".")[0]
            lines = [
                "#!%s/bin/python" % PREFIX, "import sys", "from %s import %s" % (module, first),
                "if __name__ == '__main__':", "    sys.argv[0] = sys.argv[0].removesuffix('.exe')",
                "    sys.exit(%s())" % attribute, "",
            ]
            write(OUT + "/bin/" + name, "\n".join(lines), 0o755)
            placed.append("bin/" + name)
    write("%s/%s/%s/INSTALLER" % (OUT, SITE, info), "tare\n")
    placed.append("%s/%s/INSTALLER" % (SITE, info))
    record(placed, "%s/%s/RECORD" % (SITE, info))

def copy(path, place, is_script):
    target = os.path.join(OUT, place)
    if os.path.lexists(target):
        fail("another distribution has the file %s too" % place)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(path, "rb") as file:
        content = file.read()
    if is_script and content.startswith(b"#!python"):
        content = ("#!%s/bin/python\n" % PREFIX).encode() + content.partition(b"\n")[2]
    with open(target, "wb") as file:
        file.write(content)
    os.chmod(target, 0o755 if is_script or os.stat(path).st_mode & 0o100 else 0o644)

def record(placed, path):
    with open(os.path.join(OUT, path), "w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        for place in sorted(set(placed)):
            with open(os.path.join(OUT, place), "rb") as other:
                content = other.read()
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            rows.writerow([os.path.relpath(place, SITE), "sha256=" + digest, len(content)])
        rows.writerow([os.path.relpath(path, SITE), "", ""])

main()
`;

/**
 * Compiles modules: `$trees` lists directories and where below `$out` their bytecode goes. What is no Python of this
 * version, as templates are, is passed over.
 */
export const BYTECODE_SCRIPT = `
import importlib.util, json, os, py_compile

for top, to in json.loads(os.environ["trees"]):
    for directory, names, files in os.walk(top):
        names.sort()
        for file in sorted(files):
            if not file.endswith(".py"):
                continue
            source = os.path.join(directory, file)
            below = os.path.relpath(source, top)
            place = importlib.util.cache_from_source(os.path.join(os.environ["out"], to, below), optimization="")
            mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
            py_compile.compile(source, cfile=place, dfile=below, quiet=2, invalidation_mode=mode)
os.makedirs(os.environ["out"], exist_ok=True)
`;
