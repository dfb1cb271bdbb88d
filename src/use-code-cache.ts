import { fileURLToPath } from "node:url";
import { useCodeCache } from "./code-cache.js";

// Imported for its effect, before what is to come from the cache.
useCodeCache(fileURLToPath(import.meta.url));
