"""Judges one bundle with sigstore-python: exit 0 accepted, 1 refused (the reason is printed), 2 could not judge.

judge.py ROOT BUNDLE ARTIFACT IDENTITY ISSUER
"""

import hashlib
import json
import sys

from sigstore.errors import Error
from sigstore.models import Bundle, InvalidBundle, TrustedRoot
from sigstore.verify import Verifier
from sigstore.verify.policy import Identity


def main(root, bundle, artifact, identity, issuer):
    try:
        verifier = Verifier(trusted_root=TrustedRoot.from_file(root))
    except ValueError as error:
        print(f"root: {error}")
        return 1
    policy = Identity(identity=identity, issuer=issuer)
    with open(bundle, "rb") as file:
        text = file.read()
    with open(artifact, "rb") as file:
        content = file.read()
    try:
        parsed = Bundle.from_json(text)
        if "messageSignature" in json.loads(text):
            verifier.verify_artifact(content, parsed, policy)
            return 0
        _, payload = verifier.verify_dsse(parsed, policy)
    except (Error, InvalidBundle) as error:
        print(f"{type(error).__name__}: {error}")
        return 1
    digest = hashlib.sha256(content).hexdigest()
    if any(subject["digest"].get("sha256") == digest for subject in json.loads(payload)["subject"]):
        return 0
    print("no subject is the artifact")
    return 1


if __name__ == "__main__":
    if len(sys.argv) != 6:
        print(__doc__)
        sys.exit(2)
    sys.exit(main(*sys.argv[1:]))
