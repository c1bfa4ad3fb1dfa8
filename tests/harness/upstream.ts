// An engine made to be looked at and to misbehave: keeps every request as it came and answers as the
// test says.
import http from 'node:http';
import https from 'node:https';
import type {AddressInfo, Socket} from 'node:net';

export interface Seen {
  method: string;
  path: string;
  headers: [string, string][]; // in order, spelt as they came
  body: string;
  aborted: boolean; // the other side left before the answer was complete
}

export type Behaviour = (seen: Seen, response: http.ServerResponse, socket: Socket) => void;

export interface Answer {
  words?: string[];
  model?: string;
  finish?: string;
  usage?: object | null; // null: none anywhere
  usageIn?: 'own' | 'finish' | 'every'; // an event of its own, the finish event, or each event
  done?: boolean;
  role?: boolean;
}

export const USAGE = {prompt_tokens: 7, completion_tokens: 3, total_tokens: 10, prompt_tokens_details: {cached_tokens: 2}};

// The events of a streamed chat answer, as text of their data lines.
export function chatEvents(answer: Answer = {}): string[] {
  const words = answer.words ?? ['Paris', ' is', ' it.'];
  const usage = answer.usage === undefined ? USAGE : answer.usage;
  const where = answer.usageIn ?? 'own';
  const base = {id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: answer.model ?? 'upstream-model'};
  const each = usage && where === 'every' ? {usage} : {};
  const events = words.map((content, i) =>
    JSON.stringify({
      ...base,
      choices: [{index: 0, delta: {...(i === 0 && answer.role !== false ? {role: 'assistant'} : {}), content}, finish_reason: null}],
      ...each,
    }),
  );
  events.push(
    JSON.stringify({
      ...base,
      choices: [{index: 0, delta: {}, finish_reason: answer.finish ?? 'stop'}],
      ...(usage && where !== 'own' ? {usage} : {}),
    }),
  );
  if (usage && where === 'own') {
    events.push(JSON.stringify({...base, choices: [], usage}));
  }
  if (answer.done !== false) {
    events.push('[DONE]');
  }
  return events;
}

export function chatBody(answer: Answer = {}): string {
  const usage = answer.usage === undefined ? USAGE : answer.usage;
  return JSON.stringify({
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1,
    model: answer.model ?? 'upstream-model',
    choices: [
      {
        index: 0,
        message: {role: 'assistant', content: (answer.words ?? ['Paris', ' is', ' it.']).join('')},
        finish_reason: answer.finish ?? 'stop',
      },
    ],
    ...(usage ? {usage} : {}),
  });
}

export const wantsStream = (seen: Seen): boolean => /"stream"\s*:\s*true/.test(seen.body);

// Answers chat requests, streamed or not as asked.
export function answers(answer: Answer = {}): Behaviour {
  return (seen, response) => {
    if (wantsStream(seen)) {
      response.writeHead(200, {'content-type': 'text/event-stream'});
      for (const event of chatEvents(answer)) {
        response.write(`data: ${event}\n\n`);
      }
      response.end();
    } else {
      const body = chatBody(answer);
      response.writeHead(200, {'content-type': 'application/json', 'content-length': Buffer.byteLength(body)});
      response.end(body);
    }
  };
}

// Sends the first events, then does `then` instead of the rest.
export function breaksAfter(events: number, then: (response: http.ServerResponse, socket: Socket) => void, answer: Answer = {}): Behaviour {
  return (_, response, socket) => {
    response.writeHead(200, {'content-type': 'text/event-stream'});
    const text = chatEvents(answer)
      .slice(0, events)
      .map((event) => `data: ${event}\n\n`)
      .join('');
    response.write(text, () => then(response, socket));
  };
}

// The whole answer one byte at a time, a turn of the event loop between two.
export function dribbles(answer: Answer = {}): Behaviour {
  return (_, response) => {
    response.writeHead(200, {'content-type': 'text/event-stream'});
    const bytes = Buffer.from(chatEvents(answer).map((event) => `data: ${event}\n\n`).join(''));
    let at = 0;
    const next = () => {
      if (at < bytes.length) {
        response.write(bytes.subarray(at, ++at), () => setImmediate(next));
      } else {
        response.end();
      }
    };
    next();
  };
}

export class Upstream {
  readonly seen: Seen[] = [];
  behave: Behaviour = answers();
  models = ['upstream-model'];
  metrics: string | undefined; // served at /metrics
  connections = 0;
  received = ''; // every byte that came, requests cut short included
  // Called when a connection has answered and lies idle; may close it.
  onIdle: (socket: Socket) => void = () => undefined;
  private server: http.Server;
  private readonly secure: boolean;
  private sockets = new Set<Socket>();
  private waiters: (() => void)[] = [];

  // With a certificate: over TLS.
  constructor(tls?: {cert: string; key: string}) {
    const serve = (request: http.IncomingMessage, response: http.ServerResponse) => this.serve(request, response);
    const options = {keepAliveTimeout: 0, requestTimeout: 0};
    this.secure = tls !== undefined;
    this.server = tls ? https.createServer({...options, ...tls}, serve) : http.createServer(options, serve);
    this.server.on(tls ? 'secureConnection' : 'connection', (socket: Socket) => {
      ++this.connections;
      this.sockets.add(socket);
      socket.on('data', (bytes: Buffer) => (this.received += bytes.toString('latin1')));
      socket.on('error', () => undefined);
      socket.on('close', () => this.sockets.delete(socket));
    });
  }

  static async start(port = 0, tls?: {cert: string; key: string}): Promise<Upstream> {
    const upstream = new Upstream(tls);
    await new Promise<void>((resolve, reject) => {
      upstream.server.on('error', reject);
      upstream.server.listen(port, '127.0.0.1', resolve);
    });
    return upstream;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get url(): string {
    return this.secure ? `https://localhost:${this.port}` : `http://127.0.0.1:${this.port}`;
  }

  // Requests for tokens, probes left out.
  get asked(): Seen[] {
    return this.seen.filter((one) => one.method === 'POST');
  }

  // Resolves once `condition` holds; looked at after each request, answer and abort.
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => this.waiters.push(resolve));
    }
  }

  private changed(): void {
    for (const waiter of this.waiters.splice(0)) {
      waiter();
    }
  }

  private serve(request: http.IncomingMessage, response: http.ServerResponse): void {
    const socket = request.socket;
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('error', () => undefined);
    request.on('end', () => {
      const headers: [string, string][] = [];
      for (let i = 0; i < request.rawHeaders.length; i += 2) {
        headers.push([request.rawHeaders[i], request.rawHeaders[i + 1]]);
      }
      const seen: Seen = {
        method: request.method ?? '',
        path: request.url ?? '',
        headers,
        body: Buffer.concat(parts).toString('utf8'),
        aborted: false,
      };
      this.seen.push(seen);
      response.on('close', () => {
        seen.aborted = !response.writableFinished;
        this.changed();
        if (response.writableFinished && !socket.destroyed) {
          this.onIdle(socket);
        }
      });
      response.on('error', () => undefined);
      if (seen.method === 'GET') {
        this.probe(seen, response);
      } else {
        this.behave(seen, response, socket);
      }
      this.changed();
    });
  }

  private probe(seen: Seen, response: http.ServerResponse): void {
    if (seen.path === '/metrics' && this.metrics !== undefined) {
      response.writeHead(200, {'content-type': 'text/plain; version=0.0.4'});
      response.end(this.metrics);
      return;
    }
    const known = seen.path.endsWith('/v1/models') || seen.path === '/health';
    const body = seen.path === '/health' ? {status: 'ok'} : {object: 'list', data: this.models.map((id) => ({id, object: 'model'}))};
    response.writeHead(known ? 200 : 404, {'content-type': 'application/json'});
    response.end(JSON.stringify(known ? body : {}));
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) {
      socket.destroy();
    }
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }
}
