/** h3 without Nitro: the listener that comes with it. */
import { serve } from "h3";
import { app } from "./app.ts";

const port = Number(process.env.PORT ?? 3000);
serve(app, { port, hostname: process.env.HOST ?? "localhost" });
