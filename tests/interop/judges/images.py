"""Reads what is attached to an image as an outsider does, and holds it against the conventions.

images.py HOST REPOSITORY DIGEST FOLDER

Each bundle that refers to the image goes to FOLDER/n.json, each attestation of the tag sha256-<hex>.att as a bundle v0.1 to
FOLDER/legacy-n.json. Prints one line of JSON about each. Exit 0 read, 1 something is not as it should be (the reason is
printed), 2 could not look.
"""

import base64
import hashlib
import json
import re
import sys
from pathlib import Path

from oras.client import OrasClient

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
EMPTY = "application/vnd.oci.empty.v1+json"
EMPTY_DIGEST = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
OLD_BUNDLE = "application/vnd.dev.sigstore.bundle+json;version=0.1"
DSSE = "application/vnd.dsse.envelope.v1+json"
IN_TOTO = "application/vnd.in-toto+json"


def expect(what, found, expected):
    if found != expected:
        raise ValueError(f"{what}: expected {expected!r}, found {found!r}")


class Place:
    def __init__(self, host, repository):
        self.host, self.repository = host, repository
        self.remote = OrasClient(hostname=host, insecure=True)

    def get(self, path, accept):
        return self.remote.do_request(f"http://{self.host}/v2/{self.repository}/{path}", "GET", headers={"Accept": accept})

    def container(self, reference):
        mark = "@" if reference.startswith("sha256:") else ":"
        return self.remote.get_container(f"{self.host}/{self.repository}{mark}{reference}")

    def manifest(self, reference, size=None):
        raw = self.get(f"manifests/{reference}", f"{MANIFEST}, {INDEX}").content
        if size is not None:
            expect(f"size of {reference}", len(raw), size)
            expect("digest", "sha256:" + hashlib.sha256(raw).hexdigest(), reference)
        return json.loads(raw)

    def blob(self, item):
        content = self.remote.get_blob(self.container("x"), item["digest"]).content
        expect("size of a blob", len(content), item["size"])
        expect("digest of a blob", "sha256:" + hashlib.sha256(content).hexdigest(), item["digest"])
        return content

    def referrers(self, digest):
        answer = self.get(f"referrers/{digest}", INDEX)
        if answer.status_code == 200:
            return "referrers", answer.json()["manifests"]
        expect("status of referrers", answer.status_code, 404)
        answer = self.get(f"manifests/{digest.replace(':', '-')}", INDEX)
        if answer.status_code == 404:
            return "fallback-tag", []
        index = answer.json()
        expect("media type of the fallback tag", index["mediaType"], INDEX)
        expect("schema version of the fallback tag", index["schemaVersion"], 2)
        return "fallback-tag", index["manifests"]


def bundle(place, listed, digest):
    # The library's own reading, which holds it against its schema.
    place.remote.get_manifest(place.container(listed["digest"]), allowed_media_type=[MANIFEST])
    manifest = place.manifest(listed["digest"], listed["size"])
    expect("schemaVersion", manifest["schemaVersion"], 2)
    expect("mediaType", manifest["mediaType"], MANIFEST)
    expect("artifactType", manifest["artifactType"], BUNDLE)
    expect("listed mediaType", listed["mediaType"], MANIFEST)
    expect("listed artifactType", listed["artifactType"], BUNDLE)
    config = {name: manifest["config"][name] for name in ("mediaType", "size", "digest")}
    expect("config", config, {"mediaType": EMPTY, "size": 2, "digest": EMPTY_DIGEST})
    expect("content of the config", place.blob(manifest["config"]), b"{}")
    expect("subject", manifest["subject"]["digest"], digest)
    subject = place.get(f"manifests/{digest}", f"{MANIFEST}, {INDEX}")
    expect("size of the subject", manifest["subject"]["size"], len(subject.content))
    expect("media type of the subject", manifest["subject"]["mediaType"], subject.json()["mediaType"])
    expect("layers", len(manifest["layers"]), 1)
    layer = manifest["layers"][0]
    expect("media type of the layer", layer["mediaType"], BUNDLE)
    content = place.blob(layer)
    if "data" in layer:
        expect("data", base64.b64decode(layer["data"], validate=True), content)
    text = json.loads(content)
    expect("mediaType of the bundle", text["mediaType"], BUNDLE)
    statement = json.loads(base64.b64decode(text["dsseEnvelope"]["payload"], validate=True))
    notes = manifest["annotations"]
    expect("annotations", sorted(notes), [
        "dev.sigstore.bundle.content", "dev.sigstore.bundle.predicateType", "org.opencontainers.image.created",
    ])
    expect("content", notes["dev.sigstore.bundle.content"], "dsse-envelope")
    expect("predicateType", notes["dev.sigstore.bundle.predicateType"], statement["predicateType"])
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", notes["org.opencontainers.image.created"]):
        raise ValueError("created is no RFC 3339 time in UTC")
    return content, statement


def legacy(place, item):
    expect("media type of the layer", item["mediaType"], DSSE)
    notes = item["annotations"]
    expect("signature", notes["dev.cosignproject.cosign/signature"], "")
    content = place.blob(item)
    envelope = json.loads(content)
    expect("payloadType", envelope["payloadType"], IN_TOTO)
    statement = json.loads(base64.b64decode(envelope["payload"], validate=True))
    expect("predicateType", notes["predicateType"], statement["predicateType"])
    pem = notes["dev.sigstore.cosign/certificate"] + notes.get("dev.sigstore.cosign/chain", "")
    blocks = re.findall(r"-----BEGIN CERTIFICATE-----\n(.*?)-----END CERTIFICATE-----", pem, re.S)
    entry = json.loads(notes["dev.sigstore.cosign/bundle"])
    payload = entry["Payload"]
    body = json.loads(base64.b64decode(payload["body"], validate=True))
    material = {
        "x509CertificateChain": {"certificates": [{"rawBytes": block.replace("\n", "")} for block in blocks]},
        "tlogEntries": [{
            "logIndex": str(payload["logIndex"]),
            "logId": {"keyId": base64.b64encode(bytes.fromhex(payload["logID"])).decode()},
            "kindVersion": {"kind": body["kind"], "version": body["apiVersion"]},
            "integratedTime": str(payload["integratedTime"]),
            "inclusionPromise": {"signedEntryTimestamp": entry["SignedEntryTimestamp"]},
            "canonicalizedBody": payload["body"],
        }],
    }
    text = {"mediaType": OLD_BUNDLE, "verificationMaterial": material, "dsseEnvelope": envelope}
    return json.dumps(text).encode(), statement


def main(host, repository, digest, folder):
    place = Place(host, repository)
    form, listed = place.referrers(digest)
    for number, item in enumerate(listed):
        content, statement = bundle(place, item, digest)
        (Path(folder) / f"{number}.json").write_bytes(content)
        print(json.dumps({"form": form, "manifest": item["digest"], "predicateType": statement["predicateType"]}))
    tag = f"{digest.replace(':', '-')}.att"
    if place.get(f"manifests/{tag}", MANIFEST).status_code == 404:
        return
    manifest = place.remote.get_manifest(place.container(tag), allowed_media_type=[MANIFEST])
    config = json.loads(place.blob(manifest["config"]))
    expect("diff_ids", config["rootfs"]["diff_ids"], [item["digest"] for item in manifest["layers"]])
    for number, item in enumerate(manifest["layers"]):
        content, statement = legacy(place, item)
        (Path(folder) / f"legacy-{number}.json").write_bytes(content)
        print(json.dumps({"form": "legacy-tag", "manifest": tag, "predicateType": statement["predicateType"]}))


if __name__ == "__main__":
    if len(sys.argv) != 5:
        print(__doc__)
        sys.exit(2)
    try:
        main(*sys.argv[1:])
    except (KeyError, ValueError) as error:
        print(f"{type(error).__name__}: {error}")
        sys.exit(1)
