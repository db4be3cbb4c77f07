// usage: node libp2p_streams.mjs ADDRESS N    (in the folder of the js-libp2p peer)
// Opens N streams of /mai/stream/1.0.0 on one connection, says nothing on any, and holds those that are not refused for 5 seconds.
import './polyfill.mjs'
import { multiaddr } from '@multiformats/multiaddr'
import { node } from './common.mjs'

const [address, count] = process.argv.slice(2)
const n = await node({})
const conn = await n.dial(multiaddr(address))
const wanted = Array.from({ length: Number(count) }, () =>
  conn.newStream('/mai/stream/1.0.0', { maxOutboundStreams: 1 << 20, negotiateFully: true }).then((s) => s.status === 'open', () => false))
const open = (await Promise.all(wanted)).filter(Boolean).length
console.log(JSON.stringify({ asked: wanted.length, open }))
setTimeout(() => process.exit(0), 5000)
