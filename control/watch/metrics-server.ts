// Metrics over HTTP, for Prometheus: GET /metrics, and nothing else. Anybody on the machine may ask: those who ask while one answer is being made
// get the same.

import { createServer, type Server, type ServerResponse } from 'node:http';
import type { MetricsSettings } from '../settings.ts';

export interface MetricsServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Listens; rejects with what the system says. `read` makes the text; one that fails is told to the client as such. */
export async function serveMetrics(
  { address, port }: MetricsSettings,
  read: () => Promise<string>,
): Promise<MetricsServer> {
  const server = createServer({ requestTimeout: 5_000, headersTimeout: 5_000, keepAliveTimeout: 5_000 });
  server.maxConnections = 16;
  // Then it has to connect again. All that a client has written at once is at work at once.
  server.maxRequestsPerSocket = 100;
  let reading: Promise<string> | undefined;
  const shared = (): Promise<string> => {
    reading ??= read().finally(() => {
      reading = undefined;
    });
    return reading;
  };
  server.on('request', ({ method, url }, response) => {
    if (url?.split('?')[0] !== '/metrics') say(response, 404, 'Metrics are at /metrics.\n');
    else if (method !== 'GET' && method !== 'HEAD') say(response, 405, 'GET it.\n');
    else {
      shared().then(
        (text) => say(response, 200, text, 'text/plain; version=0.0.4; charset=utf-8'),
        (error: Error) => say(response, 503, `${error.message}\n`),
      );
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(new Error(`metrics: ${error.message}`)));
    server.listen(port, address, resolve);
  });
  return { port: portOf(server), close: () => closed(server) };
}

function say(response: ServerResponse, status: number, text: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
