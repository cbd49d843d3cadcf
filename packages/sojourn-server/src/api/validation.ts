/** Requests are judged by the schemas of their routes, and what breaks the judging is refused. */
import type { FastifySchemaCompiler } from "fastify";
import { validatorCompiler } from "fastify-type-provider-zod";
import type { z } from "zod";
import { invalid } from "./problems.ts";

/**
 * A limit of length is compared even with what is no text: `{"length":{"valueOf":1,"toString":1}}`
 * in its place cannot be made a number, and the comparison throws.
 */
export const compileValidator: FastifySchemaCompiler<z.ZodType> = (route) => {
  const validate = validatorCompiler(route);
  return (data) => {
    try {
      return validate(data);
    } catch {
      return { error: invalid("", "has a member that cannot be compared") };
    }
  };
};
