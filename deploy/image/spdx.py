"""The list of what is inside an image, as SPDX 2.3 in JSON. The same input gives the same bytes."""

import datetime
import json
import urllib.parse
import uuid


def identifier(name):
    return "SPDXRef-" + "".join(c if c.isalnum() or c in ".-" else "-" for c in name)


def _package(name, version, **more):
    return {"SPDXID": identifier("Package-" + name), "name": name, "versionInfo": version,
            "downloadLocation": "NOASSERTION", "filesAnalyzed": False, "licenseConcluded": "NOASSERTION",
            "licenseDeclared": "NOASSERTION", "copyrightText": "NOASSERTION", **more}


def _debian_package(package, distribution):
    quoted = urllib.parse.quote(package["version"], safe="")
    locator = (f"pkg:deb/debian/{urllib.parse.quote(package['name'], safe='')}@{quoted}"
               f"?arch={package['architecture']}&distro={distribution}")
    return _package(
        package["name"], package["version"], supplier="Organization: Debian",
        sourceInfo=f"built from {package['source']} {package['source_version']}",
        licenseComments=f"see /usr/share/doc/{package['name']}/copyright",
        externalRefs=[{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                       "referenceLocator": locator}])


def document(culvert, packages, compiled_in, distribution, created):
    """culvert: (version, revision). `packages` have files in the image; `compiled_in` are headers that
    became part of the programs. created: seconds since 1970."""
    version, revision = culvert
    own = _package("culvert", version, versionInfo=f"{version}+{revision}", licenseConcluded="Apache-2.0",
                   licenseDeclared="Apache-2.0", supplier="NOASSERTION")
    described = [own, *(_debian_package(p, distribution) for p in [*packages, *compiled_in])]
    relationships = [("SPDXRef-DOCUMENT", "DESCRIBES", own["SPDXID"])]
    relationships += [("SPDXRef-DOCUMENT", "DESCRIBES", identifier("Package-" + p["name"])) for p in packages]
    relationships += [(own["SPDXID"], "STATIC_LINK", identifier("Package-" + p["name"])) for p in compiled_in]
    content = {
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"culvert-{version}",
        "creationInfo": {
            "created": datetime.datetime.fromtimestamp(created, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "creators": ["Tool: culvert-deploy-image"]},
        "packages": described,
        "relationships": [{"spdxElementId": a, "relationshipType": kind, "relatedSpdxElement": b}
                          for a, kind, b in relationships]}
    # A namespace of its own for each content, and the same one for the same content.
    name = uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(content, sort_keys=True))
    content["documentNamespace"] = f"https://spdx.org/spdxdocs/culvert-{version}-{name}"
    return json.dumps(content, indent=1, sort_keys=True) + "\n"
