// Judges one bundle with sigstore-js: exit 0 accepted, 1 refused (the reason is printed), 2 could not judge.
//
//   node judge.cjs ROOT BUNDLE ARTIFACT IDENTITY ISSUER
//
// A root without logs asks for none: then a timestamp alone must say when it was signed.
'use strict';
const crypto = require('node:crypto');
const fs = require('node:fs');

if (process.argv.length !== 7) {
  console.log('expected ROOT BUNDLE ARTIFACT IDENTITY ISSUER');
  process.exit(2);
}
// The packages lie elsewhere than this file.
const load = (name) => require(require.resolve(name, { paths: [process.cwd()] }));
const { bundleFromJSON } = load('@sigstore/bundle');
const { TrustedRoot } = load('@sigstore/protobuf-specs');
const { Verifier, toSignedEntity, toTrustMaterial } = load('@sigstore/verify');

const [rootPath, bundlePath, artifactPath, identity, issuer] = process.argv.slice(2);
const root = JSON.parse(fs.readFileSync(rootPath, 'utf8'));
const json = JSON.parse(fs.readFileSync(bundlePath, 'utf8'));
const artifact = fs.readFileSync(artifactPath);
const escaped = (text) => `^${text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`;

function judge() {
  const logged = (root.tlogs || []).length > 0 ? 1 : 0;
  const certified = (root.ctlogs || []).length > 0 ? 1 : 0;
  const options = { tlogThreshold: logged, ctlogThreshold: certified, timestampThreshold: 1 };
  const verifier = new Verifier(toTrustMaterial(TrustedRoot.fromJSON(root)), options);
  const policy = { subjectAlternativeName: escaped(identity), extensions: { issuer } };
  verifier.verify(toSignedEntity(bundleFromJSON(json), json.dsseEnvelope ? undefined : artifact), policy);
  if (json.dsseEnvelope) {
    const statement = JSON.parse(Buffer.from(json.dsseEnvelope.payload, 'base64'));
    const digest = crypto.createHash('sha256').update(artifact).digest('hex');
    if (!statement.subject.some((subject) => subject.digest.sha256 === digest)) throw new Error('no subject is the artifact');
  }
}

try {
  judge();
} catch (error) {
  console.log(`${error.code || error.name}: ${error.message}`);
  process.exit(1);
}
