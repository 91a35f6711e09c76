// The module that is deployed. A panic leaves the wasm instance in an unknown state: the next request gets a fresh one.
import * as wasm from "./index.js";

const state = wasm.__worker_init_state();

function revive() {
  if (state.criticalError) {
    state.criticalError = false;
    wasm.__wbg_reset_state();
    state.instanceId++;
  }
}

export default {
  async fetch(request, env, context) {
    revive();
    try {
      return await wasm.fetch(request, env, context);
    } catch (error) {
      if (error instanceof WebAssembly.RuntimeError) state.criticalError = true;
      throw error;
    }
  },
};
