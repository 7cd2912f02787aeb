"""deploy/manifests: the chart with default values, for those who apply YAML."""

import sys

import chart

FOLDER = chart.ROOT / "deploy" / "manifests"
HEAD = "# The chart deploy/helm/culvert with default values{}; made by: tests/charts/run.py --write\n"


def rendered():
    """What each file has to hold: the daemon, and one file for each part that is off by default."""
    plain = chart.template()
    if plain.returncode != 0:
        raise AssertionError(plain.stderr)
    files = {"ztunnel.yaml": HEAD.format("") + plain.stdout}
    for part in chart.OPTIONAL:
        done = chart.template({part: {"enabled": True}})
        if done.returncode != 0:
            raise AssertionError(done.stderr)
        (name,) = (path for path in (chart.CHART / "templates").glob("*.yaml")
                   if path.stem.lower() == part.lower())
        text = next(one for one in done.stdout.split("---\n")
                    if one.startswith(f"# Source: culvert/templates/{name.name}\n"))
        files[name.name] = HEAD.format(f" and {part}.enabled") + "---\n" + text
    return files


def main():
    FOLDER.mkdir(exist_ok=True)
    for name, text in rendered().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
        print(FOLDER.relative_to(chart.ROOT) / name)


if __name__ == "__main__":
    sys.exit(main())
