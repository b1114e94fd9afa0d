//! `caller.ts` in Rust: answers each request in one of four ways. The path says which.

#![cfg(target_family = "wasm")]

use metrics_reporter_client::{Options, Reporter, Scope, labels};
use worker::js_sys::{self, futures::JsFuture};
use worker::wasm_bindgen::{self, JsValue, prelude::wasm_bindgen};
use worker::{Context, Env, Request, Response, Result, event};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(extends = js_sys::Object)]
    type Rpc;

    #[wasm_bindgen(method, catch)]
    fn noop(this: &Rpc) -> Result<JsValue, JsValue>;
}

#[event(fetch)]
async fn fetch(request: Request, env: Env, ctx: Context) -> Result<Response> {
    match &*request.path() {
        "/rpc" => call(&env, &ctx)?,
        "/request" => count(&env, &ctx, Scope::Request),
        "/isolate" => count(&env, &ctx, Scope::Isolate),
        "/account" => return account(&env, &ctx),
        _ => {}
    }
    Response::ok("hello")
}

fn call(env: &Env, ctx: &Context) -> Result<()> {
    let answer = env.service("REPORTER")?.into_rpc::<Rpc>().noop()?;
    let answer = JsFuture::from(js_sys::Promise::resolve(&answer));
    ctx.wait_until(async move {
        let _ = answer.await;
    });
    Ok(())
}

fn count(env: &Env, ctx: &Context, scope: Scope) {
    let options = Options::new().scope(scope);
    let metrics = Reporter::with_options(env.service("REPORTER"), ctx, options);
    let labels = labels! { "route" => "/users/:id", "method" => "GET", "status" => 200 };
    metrics.incr("requests_total", &labels);
    metrics.observe("request_duration_ms", 42.5, &labels);
}

fn account(env: &Env, ctx: &Context) -> Result<Response> {
    let account = Reporter::new(env.service("REPORTER"), ctx).account();
    let (calls, recorded) = (account.calls, account.recorded);
    let (folded, taken) = (account.folded, account.taken);
    Response::ok(format!(
        r#"{{"calls":{calls},"recorded":{recorded},"folded":{folded},"taken":{taken}}}"#
    ))
}
