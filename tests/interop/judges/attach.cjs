// Attaches a bundle to an image with sigstore-js, as workflows that attest with it do: exit 0 attached, 2 could not.
//
//   node attach.cjs HOST/REPOSITORY DIGEST BUNDLE PREDICATE-TYPE
'use strict';
const fs = require('node:fs');

if (process.argv.length !== 6) {
  console.log('expected HOST/REPOSITORY DIGEST BUNDLE PREDICATE-TYPE');
  process.exit(2);
}
// The packages lie elsewhere than this file.
const { attachArtifactToImage } = require(require.resolve('@sigstore/oci', { paths: [process.cwd()] }));
const [imageName, imageDigest, path, predicateType] = process.argv.slice(2);

attachArtifactToImage({
  imageName,
  imageDigest,
  credentials: undefined, // the registry of the test asks for none
  artifact: fs.readFileSync(path),
  mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
  annotations: { 'dev.sigstore.bundle.content': 'dsse-envelope', 'dev.sigstore.bundle.predicateType': predicateType },
}).then(
  (found) => console.log(found.digest),
  (error) => {
    console.log(`${error}: ${error.cause}`);
    process.exit(2);
  },
);
