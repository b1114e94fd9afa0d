// A proxy in front of a real gateway that drops answers: the gateway has counted, and the Worker
// cannot know it.

import { Agent, createServer, request as httpRequest } from "node:http";

/**
 * @param {string} upstream host and port of the gateway
 * @param {(id: string, attempt: number) => boolean} drops whether to drop the answer to this attempt
 *   (from 1) at the push with this x-push-id
 */
export async function startDroppingProxy(upstream, drops) {
  const [host, port] = upstream.split(":");
  const agent = new Agent({ keepAlive: true });
  const attempts = new Map();
  let dropped = 0;
  const server = createServer((request, reply) => {
    const id = request.headers["x-push-id"];
    const attempt = (attempts.get(id) ?? 0) + 1;
    attempts.set(id, attempt);
    const { method, url, headers } = request;
    const onward = httpRequest({ host, port, method, path: url, headers, agent }, async (answer) => {
      const chunks = [];
      for await (const chunk of answer) chunks.push(chunk);
      if (drops(id, attempt)) {
        dropped += 1;
        return request.socket.resetAndDestroy();
      }
      reply.writeHead(answer.statusCode, answer.headers);
      reply.end(Buffer.concat(chunks));
    });
    onward.on("error", () => request.socket.destroy());
    request.on("error", () => {});
    request.pipe(onward);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: `127.0.0.1:${server.address().port}`,
    attempts,
    get dropped() {
      return dropped;
    },
    async stop() {
      agent.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
