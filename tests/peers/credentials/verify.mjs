// usage: node verify.mjs credential FILE      is it valid? by the library of Digital Bazaar, and by hand
//        node verify.mjs issue                a credential of a new key, by that library
//        node verify.mjs peerid PEERID DID    are they names of one key?
//        node verify.mjs cid FILE...          their CIDs
//        node verify.mjs note VKEY FILE       the text of a signed note (C2SP signed-note), when that key has signed or cosigned it
//        node verify.mjs proof VKEY (PROOF RECORD)...  where each record is in a log, by its proof (C2SP tlog-proof) and the log's key
//        node verify.mjs record FILE          the ids of records, one a line, when those whom they bind have signed them
// Each says what it has found and exits with 0, or why not and with 1. Nothing is asked of the network.
import { readFileSync } from 'node:fs'
import * as Ed25519Multikey from '@digitalbazaar/ed25519-multikey'
import { DataIntegrityProof } from '@digitalbazaar/data-integrity'
import { driver } from '@digitalbazaar/did-method-key'
import { createSignCryptosuite, createVerifyCryptosuite } from '@digitalbazaar/eddsa-jcs-2022-cryptosuite'
import * as vc from '@digitalbazaar/vc'
import { ed25519 } from '@noble/curves/ed25519.js'
import { sha256 } from '@noble/hashes/sha2.js'
import canonicalize from 'canonicalize'
import { varint } from 'multiformats'
import { base58btc } from 'multiformats/bases/base58'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'

const utf8 = (text) => new TextEncoder().encode(text)
const same = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)) === 0
const must = (good, why) => {
  if (!good) throw new Error(why)
}
const verifies = (signature, bytes, key) => ed25519.verify(signature, bytes, key, { zip215: false })

// ---- the names of a key ----

const keyOfDid = (did) => {
  must(did.startsWith('did:key:'), 'not a did:key')
  const bytes = base58btc.decode(did.slice('did:key:'.length))
  const [code, length] = varint.decode(bytes)
  must(code === 0xed && bytes.length === length + 32, 'not an Ed25519 key')
  return bytes.subarray(length)
}

// The key as protobuf (type 1, 32 bytes), which the multihash "identity" holds.
const keyOfPeerId = (id) => {
  const hash = id.startsWith('1') ? Digest.decode(base58btc.decode('z' + id)) : CID.parse(id).multihash
  must(hash.code === 0 && hash.size === 36 && same(hash.digest.subarray(0, 4), [8, 1, 18, 32]), 'not the PeerId of an Ed25519 key')
  return hash.digest.subarray(4)
}

// ---- credentials ----

const didKey = driver()
didKey.use({ multibaseMultikeyHeader: 'z6Mk', fromMultibase: Ed25519Multikey.from })

const documentLoader = async (url) => url.startsWith('did:key:')
  ? { contextUrl: null, documentUrl: url, document: await didKey.get({ url }) }
  : vc.defaultDocumentLoader(url)

const byLibrary = async (credential) => {
  const suite = new DataIntegrityProof({ cryptosuite: createVerifyCryptosuite() })
  const { verified, error } = await vc.verifyCredential({ credential, suite, documentLoader })
  must(verified, error?.errors?.[0]?.message ?? error?.message)
}

// Data Integrity EdDSA Cryptosuites 1.0, 3.3.2
const byHand = async ({ proof, ...document }) => {
  const { proofValue, ...options } = proof
  const [did, fragment] = proof.verificationMethod.split('#')
  must(proof.cryptosuite === 'eddsa-jcs-2022' && proof.proofPurpose === 'assertionMethod', 'another suite or purpose')
  must(did === document.issuer && did === 'did:key:' + fragment, 'not signed by its issuer')
  if (proof['@context']) document['@context'] = proof['@context']
  const signed = Buffer.concat([options, document].map((part) => sha256(utf8(canonicalize(part)))))
  must(verifies(base58btc.decode(proofValue), signed, keyOfDid(did)), 'the signature is wrong')
}

const issue = async () => {
  const key = await Ed25519Multikey.generate()
  key.controller = 'did:key:' + key.publicKeyMultibase
  key.id = key.controller + '#' + key.publicKeyMultibase
  const suite = new DataIntegrityProof({ signer: key.signer(), cryptosuite: createSignCryptosuite() })
  const credential = {
    '@context': ['https://www.w3.org/ns/credentials/v2', 'https://www.w3.org/ns/credentials/undefined-terms/v2'],
    type: ['VerifiableCredential', 'NodeCapability'],
    issuer: key.controller,
    validFrom: '2026-01-02T03:04:05Z',
    credentialSubject: { id: 'did:example:carol', quota: 1e21, share: 0.1, 'größe': '\u20ac "\u0001"\ud83d\ude00', of: [1e-7, null, true] },
  }
  return JSON.stringify(await vc.issue({ credential, suite, documentLoader }), null, 1)
}

// ---- notes ----

// What a signature of each type signs, and where it stands behind the key's id: that of the author (1), or of a witness, with its time (4).
const signedBy = {
  1: (b, text) => [b, utf8(text)],
  4: (b, text) => [b.subarray(8), utf8(`cosignature/v1\ntime ${b.readBigUInt64BE()}\n${text}`)],
}

const textOfNote = (vkey, note) => {
  const [, name, id, key] = /^([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(vkey) ?? []
  must(name, 'not a key of notes')
  const typed = Buffer.from(key, 'base64') // a byte for the type, then the key
  const keyId = Buffer.from(sha256(Buffer.concat([utf8(name + '\n'), typed]))).subarray(0, 4)
  const type = typed[0]
  must(typed.length === 33 && signedBy[type] && keyId.toString('hex') === id, 'not a key of notes')

  const blank = note.lastIndexOf('\n\n')
  must(blank >= 0 && note.endsWith('\n'), 'not a note')
  const text = note.slice(0, blank + 1)
  const lines = note.slice(blank + 2).split('\n').slice(0, -1).map((line) => /^\u2014 (\S+) ([A-Za-z0-9+/]+=*)$/.exec(line))
  must(lines.length > 0 && lines.length <= 100 && lines.every(Boolean), 'not a note')
  const ours = lines.map(([, who, value]) => [who, Buffer.from(value, 'base64')]).filter(([who, b]) => who === name && same(b.subarray(0, 4), keyId))
  must(ours.length > 0, 'not signed by ' + name)
  const good = (b) => {
    const [signature, signed] = signedBy[type](b.subarray(4), text)
    return verifies(signature, signed, typed.subarray(1))
  }
  must(ours.every(([, b]) => b.length === (type === 4 ? 76 : 68) && good(b)), 'the signature is wrong')
  return text
}

// ---- logs and their records ----

const hash = (...parts) => sha256(Buffer.concat(parts.map((p) => (typeof p === 'number' ? Buffer.of(p) : Buffer.from(p)))))
const idOf = (record) => hash(0, utf8(canonicalize(record)))

// RFC 9162, 2.1.3.2. Numbers are as large as they may be.
const rootBy = (index, size, leaf, proof) => {
  let [fn, sn, r] = [index, size - 1n, leaf]
  must(index < size, 'no entry of the log')
  for (const p of proof) {
    must(sn !== 0n, 'the proof is too long')
    if (fn & 1n || fn === sn) {
      r = hash(1, p, r)
      while (!(fn & 1n) && fn !== 0n) [fn, sn] = [fn >> 1n, sn >> 1n]
    } else {
      r = hash(1, r, p)
    }
    ;[fn, sn] = [fn >> 1n, sn >> 1n]
  }
  must(sn === 0n, 'the proof is too short')
  return r
}

const number = (text) => {
  must(/^(0|[1-9][0-9]*)$/.test(text), 'not a number')
  return BigInt(text)
}

const placeOf = (vkey, file, line) => {
  const blank = file.indexOf('\n\n')
  const [head, index, ...proof] = file.slice(0, blank).split('\n').filter((l) => !l.startsWith('extra '))
  must(head === 'c2sp.org/tlog-proof@v1' && index.startsWith('index '), 'not a proof')
  const [origin, size, root] = textOfNote(vkey, file.slice(blank + 2)).split('\n')
  must(origin === vkey.split('+')[0], 'the checkpoint of another log')
  const hashes = proof.map((l) => Buffer.from(l, 'base64'))
  must(hashes.every((h, i) => h.length === 32 && h.toString('base64') === proof[i]), 'not a proof')
  const at = number(index.slice('index '.length))
  must(same(rootBy(at, number(size), idOf(JSON.parse(line)), hashes), Buffer.from(root, 'base64')), 'the proof does not lead to the root')
  return `record ${at} of ${size} in ${origin}`
}

const signers = { receipt: 'node', voucher: 'client', subscription: 'client', terms: 'issuer', registration: 'owner', transfer: 'from' }

const idOfSigned = (line) => {
  const { signature, ...statement } = JSON.parse(line)
  must(signers[statement.type], 'not a record')
  const bytes = Buffer.from(signature, 'base64')
  must(bytes.toString('base64') === signature && verifies(bytes, utf8(canonicalize(statement)), keyOfDid(statement[signers[statement.type]])), 'the signature is wrong')
  return Buffer.from(idOf(JSON.parse(line))).toString('hex')
}

// ---- what is asked for ----

// Both, whatever the other says.
const credential = async (path) => {
  const said = []
  for (const [name, check] of Object.entries({ library: byLibrary, hand: byHand }))
    said.push(await check(JSON.parse(readFileSync(path))).then(() => [true, `${name}: valid`], (e) => [false, `${name}: ${e.message}`]))
  const text = said.map(([, line]) => line).join('\n')
  must(said.every(([good]) => good), text)
  return text
}

const verbs = {
  credential,
  issue,
  peerid: (id, did) => {
    must(same(keyOfPeerId(id), keyOfDid(did)), 'they name different keys')
    return 'one key'
  },
  cid: (...files) => files.map((f) => `${CID.createV1(0x55, Digest.create(0x12, sha256(readFileSync(f))))}  ${f}`).join('\n'),
  proof: (vkey, ...files) => files.map((f) => readFileSync(f, 'utf8')).map((text, i, all) => (i % 2 ? placeOf(vkey, all[i - 1], text) : null)).filter(Boolean).join('\n'),
  record: (path) => readFileSync(path, 'utf8').trimEnd().split('\n').map(idOfSigned).join('\n'),
  note: (vkey, path) => textOfNote(vkey, readFileSync(path, 'utf8')).replace(/\n$/, ''),
}

const [verb, ...args] = process.argv.slice(2)
try {
  console.log(await verbs[verb](...args))
} catch (e) {
  console.error(e.message)
  process.exitCode = 1
}
