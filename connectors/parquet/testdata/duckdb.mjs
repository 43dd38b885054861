// node duckdb.mjs NODE_MODULES FILE [QUERY]: prints the columns of a Parquet
// file and the rows of a query over it, as DuckDB sees them.
import { createRequire } from "node:module";
import { resolve } from "node:path";

const [modules, file, query = "SELECT * FROM rows"] = process.argv.slice(2);
const { DuckDBInstance } = createRequire(resolve(modules, "x.js"))("@duckdb/node-api");
const db = await (await DuckDBInstance.create(":memory:")).connect();
await db.run("SET TimeZone = 'UTC'");
await db.run(`CREATE VIEW rows AS SELECT * FROM read_parquet('${file.replaceAll("'", "''")}')`);
const columns = await db.runAndReadAll("DESCRIBE rows");
for (const [name, type] of columns.getRows()) console.log(name, type);
const rows = await db.runAndReadAll(query);
for (const row of rows.getRowObjectsJson()) console.log(JSON.stringify(row));
