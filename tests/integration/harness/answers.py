"""What a node's HTTP ports answer, taken apart: responses, and the metrics in them."""


def parse_http(data):
    head, _, body = data.partition(b"\r\n\r\n")
    if not head:
        return 0, "no answer"
    lines = head.decode("latin-1").split("\r\n")
    if any(x.lower().startswith("transfer-encoding: chunked") for x in lines):
        body = dechunk(body)
    return int(lines[0].split()[1]), body.decode("utf-8", "replace")


def dechunk(body):
    out = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size.split(b";")[0], 16)
        if length == 0:
            break
        out, body = out + body[:length], body[length + 2:]
    return out


def parse_metrics(text):
    samples = {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        name, labels, rest = line, {}, ""
        if "{" in line:
            name, _, tail = line.partition("{")
            labels, rest = parse_labels(tail)
        else:
            name, _, rest = line.partition(" ")
        samples.setdefault(name, []).append((labels, float(rest.split()[0])))
    if not text.endswith("# EOF\n"):
        raise ValueError("metrics do not end with # EOF")
    return samples


def parse_labels(tail):
    labels, i = {}, 0
    while tail[i] != "}":
        equal = tail.index("=", i)
        key, j, value = tail[i:equal].lstrip(","), equal + 2, ""
        while tail[j] != '"':
            if tail[j] == "\\":
                j += 1
            value += tail[j]
            j += 1
        labels[key], i = value, j + 1
    return labels, tail[i + 1:]
