/** The application behind Express, which knows the peer of the socket. Built by Vite. */
import { createRequestHandler } from "@react-router/express";
import express from "express";
import { RouterContextProvider } from "react-router";
import { connectionContext } from "./contexts.ts";

const port = Number(process.env.PORT ?? 3000);

const app = express();
app.disable("x-powered-by");
app.set("trust proxy", "loopback");
app.use("/assets", express.static("build/client/assets", { immutable: true, maxAge: "1y" }));
app.use(
  createRequestHandler({
    build: () => import("virtual:react-router/server-build"),
    getLoadContext({ socket }) {
      const { remoteAddress } = socket;
      return new RouterContextProvider(new Map([[connectionContext, { remoteAddress }]]));
    },
  }),
);
app.listen(port, process.env.HOST ?? "localhost", () => console.log(`Listening on ${port}`));
