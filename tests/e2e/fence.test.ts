// A fence holds whatever fails: no byte of a fenced tenant's prompt reaches an engine outside its
// zone, while engines on both sides come and go.
import {afterAll, expect, test} from 'vitest';
import {errorOf, type Reply, send, stream, sumUp} from '../harness/client.ts';
import {type Edge, startEdge} from '../harness/edge.ts';
import {makeKey} from '../harness/keys.ts';
import {randomFrom} from '../harness/load.ts';
import {cleanUp} from '../harness/process.ts';
import {answers, type Behaviour, breaksAfter, dribbles, Upstream} from '../harness/upstream.ts';

afterAll(cleanUp);

// An engine that fell often is left alone for longer and longer, so each edge sees a few rounds.
const EDGES = 12;
const ROUNDS = 20;
const MARK = 'fenced-prompt';

const failing = (status: number): Behaviour => (_, response) => void response.writeHead(status, {'content-type': 'application/json'}).end('{"error":{"message":"no"}}');
type Mood = Behaviour | 'gone';
const MOODS: Mood[] = [
  answers(),
  answers(),
  answers(),
  dribbles(),
  failing(500),
  failing(503),
  (_, __, socket) => void socket.resetAndDestroy(),
  breaksAfter(1, (_, socket) => socket.resetAndDestroy()),
  'gone',
];

// An engine's place: the port stays, the engine there comes and goes.
class Place {
  private constructor(private upstream: Upstream, private readonly port: number) {}
  private before = '';
  private gone = false;

  static async create(): Promise<Place> {
    const upstream = await Upstream.start();
    return new Place(upstream, upstream.port);
  }
  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }
  get received(): string {
    return this.before + this.upstream.received;
  }
  async be(mood: Mood): Promise<void> {
    if (mood === 'gone') {
      return this.leave();
    }
    if (this.gone) {
      this.upstream = await Upstream.start(this.port);
      this.gone = false;
    }
    this.upstream.behave = mood;
  }
  async leave(): Promise<void> {
    if (!this.gone) {
      this.before = this.received;
      this.gone = true;
      await this.upstream.stop();
      this.upstream.received = '';
    }
  }
}

const OSLO = {country: 'NO', latitude: 59.9, longitude: 10.7};
const FRANKFURT = {country: 'DE', latitude: 50.11, longitude: 8.68};

test(`${EDGES * ROUNDS} rounds of engines coming and going: nothing of a fenced tenant leaves its zone`, async () => {
  const home = await Promise.all(Array.from({length: 6}, Place.create));
  const abroad = await Promise.all(Array.from({length: 6}, Place.create));
  const free = makeKey();
  const object = (kind: string, name: string, spec: object) => ({apiVersion: 'tdn/v1', kind, metadata: {name}, spec});
  const world = {
    sites: {frankfurt: FRANKFURT, oslo: OSLO},
    endpoints: [
      ...home.map((place, i) => ({name: `home-${i}`, site: 'frankfurt', url: place.url, as: 'upstream-model'})),
      ...abroad.map((place, i) => ({name: `abroad-${i}`, site: 'oslo', url: place.url, as: 'upstream-model'})),
    ],
    more: [
      object('Policy', 'stays', {rules: [{match: {tenants: ['demo']}, require: {zones: ['eu']}}]}),
      object('Tenant', 'free', {}),
      object('Project', 'free/any', {}),
      object('Key', 'free/any/key', {secrets: [{id: free.id, sha256: free.sha256}]}),
    ],
  };
  let edge: Edge | undefined;
  const be = (mood: () => Mood) => Promise.all([...home, ...abroad].map((place) => place.be(mood())));
  const renewEdge = async () => {
    await edge?.process.end('SIGKILL');
    await be(() => answers());
    edge = await startEdge({world, site: 'frankfurt'});
  };
  const chat = (key: string, content: string, streamed: boolean) => ({
    path: '/v1/chat/completions', key, body: {model: 'smollm2', messages: [{role: 'user', content}], stream: streamed},
  });
  const plain = (key: string, content: string) => send(edge!.gateway, chat(key, content, false));
  const outcomes = new Map<string, number>();
  const count = (what: string) => outcomes.set(what, (outcomes.get(what) ?? 0) + 1);
  const countReply = (reply: Reply) => {
    const code = reply.status === 200 ? 'answered' : errorOf(reply).code;
    if (code === 'zone_unavailable') {
      expect([reply.status, Number(reply.headers['retry-after']) > 0]).toEqual([503, true]);
    }
    count(code);
  };

  const random = randomFrom(4711);
  for (let round = 0; round < EDGES * ROUNDS; ++round) {
    if (round % ROUNDS === 0) {
      await renewEdge();
    }
    await be(() => MOODS[random(MOODS.length)]);
    const fenced = `${MARK} ${round}`;
    const [first, second] = await Promise.all([
      plain(edge!.key, fenced),
      stream(edge!.gateway, chat(edge!.key, fenced, true)),
      plain(free.secret, `free prompt ${round}`),
    ]);
    countReply(first);
    if (second.status === 200) {
      const sum = sumUp(second);
      count(sum.done ? 'answered' : (sum.error?.code ?? 'cut'));
    } else {
      countReply({status: second.status, headers: second.headers, body: second.raw});
    }
  }
  for (const place of abroad) {
    expect(place.received).not.toContain(MARK);
  }
  expect(home.some((place) => place.received.includes(MARK))).toBe(true);
  expect(abroad.filter((place) => place.received.includes('free prompt')).length).toBeGreaterThan(1);
  expect([...outcomes.keys()].sort()).toEqual(['answered', 'overloaded', 'stream_interrupted', 'upstream_error', 'zone_unavailable']);
  expect(outcomes.get('answered')).toBeGreaterThan(40);

  // All that are permitted are down, all others serve.
  await renewEdge();
  await Promise.all(home.map((place) => place.leave()));
  let last = await plain(edge!.key, MARK);
  for (const end = performance.now() + 20_000; errorOf(last).code !== 'zone_unavailable' && performance.now() < end; ) {
    last = await plain(edge!.key, MARK);
  }
  for (let i = 0; i < 20; ++i) {
    const reply = await plain(edge!.key, MARK);
    expect([reply.status, errorOf(reply).code]).toEqual([503, 'zone_unavailable']);
    expect(Number(reply.headers['retry-after'])).toBeGreaterThan(0);
    expect((await plain(free.secret, 'free')).status).toBe(200);
  }
  for (const place of abroad) {
    expect(place.received).not.toContain(MARK);
    await place.leave();
  }
}, 120_000);
