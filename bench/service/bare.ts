/** What the service is measured beside: a bare Fastify with one route that takes and gives JSON. */
import fastify from "fastify";

const app = fastify();
let body: unknown = { state: "active" };
app.post("/answer", async (request) => {
  body = request.body;
  return {};
});
app.post("/json", async () => body);
app.get("/json", async () => body);
const url = await app.listen({ host: "127.0.0.1", port: 0 });
console.log(`listening on ${url}`);
