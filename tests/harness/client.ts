// A client that hides nothing: raw requests, raw answers, events as they arrive.
import http from 'node:http';
import net from 'node:net';

export interface Reply {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: string;
}

export interface Call {
  method?: string;
  path: string;
  key?: string;
  headers?: Record<string, string>;
  body?: unknown; // a string goes as it is, anything else as JSON
  agent?: http.Agent;
}

function open(base: string, call: Call): http.ClientRequest {
  const body = call.body === undefined ? undefined : typeof call.body === 'string' ? call.body : JSON.stringify(call.body);
  const headers: Record<string, string> = {
    ...(call.key ? {authorization: `Bearer ${call.key}`} : {}),
    ...(body !== undefined ? {'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body))} : {}),
    ...call.headers,
  };
  const request = http.request(new URL(call.path, base), {method: call.method ?? (body === undefined ? 'GET' : 'POST'), headers, agent: call.agent ?? false});
  request.end(body);
  return request;
}

export function send(base: string, call: Call): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const request = open(base, call);
    request.on('error', reject);
    request.on('response', (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => (body += text));
      response.on('error', reject);
      response.on('end', () => resolve({status: response.statusCode ?? 0, headers: response.headers, body}));
    });
  });
}

export const errorOf = (reply: Reply): {code: string; type: string; message: string; param: string | null} => JSON.parse(reply.body).error;

// A stream as it was seen: the data of each event in order, comments apart, and how it ended.
export interface Stream {
  status: number;
  headers: http.IncomingHttpHeaders;
  events: string[];
  comments: string[];
  raw: string;
  cut: boolean; // the connection broke before the body's end
}

export interface StreamWatch {
  onEvent?: (data: string, count: number, request: http.ClientRequest) => void;
}

export function stream(base: string, call: Call, watch: StreamWatch = {}): Promise<Stream> {
  return new Promise((resolve, reject) => {
    const request = open(base, call);
    let seen: Stream | undefined;
    const finish = (cut: boolean) => {
      if (seen) {
        resolve({...seen, cut});
      }
    };
    request.on('error', (error) => (seen ? finish(true) : reject(error)));
    request.on('response', (response) => {
      const now: Stream = {status: response.statusCode ?? 0, headers: response.headers, events: [], comments: [], raw: '', cut: false};
      seen = now;
      let rest = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => {
        now.raw += text;
        rest += text;
        for (let end = rest.indexOf('\n\n'); end >= 0; end = rest.indexOf('\n\n')) {
          const block = rest.slice(0, end);
          rest = rest.slice(end + 2);
          const lines = block.split('\n');
          now.comments.push(...lines.filter((line) => line.startsWith(':')));
          const data = lines.filter((line) => line.startsWith('data:')).map((line) => line.slice(5).replace(/^ /, ''));
          if (data.length > 0) {
            now.events.push(data.join('\n'));
            watch.onEvent?.(data.join('\n'), now.events.length, request);
          }
        }
      });
      response.on('error', () => finish(true));
      response.on('end', () => finish(false));
      response.on('close', () => finish(true));
    });
  });
}

export interface ChatSum {
  text: string;
  finish: string | null; // the last finish_reason that came
  done: boolean;
  usage: {prompt_tokens: number; completion_tokens: number; total_tokens: number; prompt_tokens_details?: {cached_tokens?: number}} | null;
  error: {code: string; message: string} | null;
}

export function sumUp(seen: Stream): ChatSum {
  const sum: ChatSum = {text: '', finish: null, done: false, usage: null, error: null};
  for (const data of seen.events) {
    if (data === '[DONE]') {
      sum.done = true;
      continue;
    }
    const event = JSON.parse(data);
    sum.error = event.error ?? sum.error;
    sum.usage = event.usage ?? sum.usage;
    for (const choice of event.choices ?? []) {
      sum.text += choice.delta?.content ?? choice.text ?? '';
      sum.finish = choice.finish_reason ?? sum.finish;
    }
  }
  return sum;
}

// Sends bytes as they are and returns what comes until the other side closes.
export function rawExchange(url: string, bytes: string | Uint8Array): Promise<string> {
  return new Promise((resolve, reject) => {
    const {hostname, port} = new URL(url);
    const socket = net.connect(Number(port), hostname, () => socket.end(bytes));
    let answer = '';
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => (answer += text));
    socket.on('error', (error: NodeJS.ErrnoException) => (error.code === 'ECONNRESET' ? resolve(answer) : reject(error)));
    socket.on('close', () => resolve(answer));
  });
}

// Runs `count` calls, `width` at a time, and returns the results in order.
export async function inParallel<T>(count: number, width: number, call: (index: number) => Promise<T>): Promise<T[]> {
  const results: T[] = new Array(count);
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const index = next++;
      results[index] = await call(index);
    }
  };
  await Promise.all(Array.from({length: width}, worker));
  return results;
}
