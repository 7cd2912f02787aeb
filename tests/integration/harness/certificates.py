"""Certificates for foreign clients, signed by the mesh's own root or by another one.

The tests run as root beside the control plane's state, so they can sign what the control plane
itself would refuse to: expired, foreign, without a SPIFFE id.
"""

import os
import subprocess


def openssl(*words, stdin=None):
    run = subprocess.run(["openssl", *map(str, words)], input=stdin, capture_output=True, text=True,
                         check=False)
    if run.returncode != 0:
        raise RuntimeError(f"openssl {' '.join(map(str, words))}: {run.stderr}")
    return run.stdout


class Issuer:
    """A root; by default the one of a mesh."""

    def __init__(self, folder, cert=None, key=None):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        self.cert, self.key = cert or self._path("root.pem"), key or self._path("root.key")
        if cert is None:
            openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-days", 30, "-subj", "/O=another mesh", "-keyout", self.key, "-out", self.cert)

    def _path(self, name):
        return os.path.join(self.folder, name)

    def issue(self, name, uri=None, expired=False, usage="clientAuth,serverAuth"):
        """(certificate, key) files for a name, with a URI as its only alternative name."""
        key, request, cert, extensions = (self._path(name + x) for x in (".key", ".csr", ".pem", ".ext"))
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-subj", "/", "-keyout", key, "-out", request)
        with open(extensions, "w", encoding="ascii") as file:
            file.write(f"keyUsage=critical,digitalSignature\nextendedKeyUsage={usage}\n"
                       "basicConstraints=critical,CA:FALSE\n")
            if uri:
                file.write(f"subjectAltName=critical,URI:{uri}\n")
        if expired:
            self._issue_expired(request, cert, extensions)
        else:
            openssl("x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self.key, "-days", 2,
                    "-set_serial", abs(hash(name)) % (1 << 40) + 1, "-extfile", extensions, "-out", cert)
        return cert, key

    def _issue_expired(self, request, cert, extensions):
        """`x509` cannot set dates in the past before OpenSSL 3.4; `ca` can."""
        base = self._path("ca")
        os.makedirs(base, exist_ok=True)
        config = os.path.join(base, "ca.cnf")
        with open(config, "w", encoding="ascii") as file:
            file.write(f"[ca]\ndefault_ca=d\n[d]\ndatabase={base}/index\nserial={base}/serial\n"
                       f"new_certs_dir={base}\ndefault_md=sha256\npolicy=p\nunique_subject=no\n"
                       "[p]\norganizationName=optional\n")
        with open(os.path.join(base, "index"), "w", encoding="ascii"):
            pass
        with open(os.path.join(base, "serial"), "w", encoding="ascii") as file:
            file.write("1000\n")
        openssl("ca", "-batch", "-notext", "-config", config, "-in", request, "-cert", self.cert,
                "-keyfile", self.key, "-startdate", "20200101000000Z", "-enddate", "20200102000000Z",
                "-extfile", extensions, "-out", cert)


def of_mesh(mesh):
    return Issuer(os.path.join(mesh.dir, "foreign"), mesh.state("root-cert.pem"),
                  mesh.state("root-key.pem"))
