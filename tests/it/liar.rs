//! A platform that lies: everything goes to the real one and back, but what a test gives another answer.

use std::sync::{Arc, Mutex};

use actix_web::dev::ServerHandle;
use actix_web::http::StatusCode;
use actix_web::{App as Actix, HttpRequest, HttpResponse, HttpServer, web};
use serde_json::Value;

use crate::server::{Server, listener};
use crate::support::wait;

/// Given a path: what is answered without asking the real one.
type Invented = dyn Fn(&str) -> Option<Value> + Send + Sync;
/// Given a path: what becomes of the real one's answer.
type Changed = dyn Fn(&str, &mut Value) + Send + Sync;

/// Between a client and the real platform.
pub struct Liar {
    /// Its own.
    pub address: String,
    lies: Arc<Lies>,
    handle: ServerHandle,
}

struct Lies {
    real: String,
    client: reqwest::Client,
    invented: Mutex<Box<Invented>>,
    changed: Mutex<Box<Changed>>,
}

impl Liar {
    /// One that is honest so far.
    pub fn before(server: &Server) -> Self {
        let lies = Arc::new(Lies {
            real: server.address.clone(),
            client: server.client.clone(),
            invented: Mutex::new(Box::new(|_| None)),
            changed: Mutex::new(Box::new(|_, _| {})),
        });
        let listener = listener("127.0.0.1:0");
        let address = format!("http://{}", listener.local_addr().unwrap());
        let shared = web::Data::from(lies.clone());
        let handle = wait(async move {
            let proxy = move || {
                Actix::new()
                    .app_data(shared.clone())
                    .app_data(web::PayloadConfig::new(1 << 22))
                    .default_service(web::to(answer))
            };
            let server = HttpServer::new(proxy).workers(1).disable_signals();
            let server = server.listen(listener).unwrap().run();
            let handle = server.handle();
            tokio::spawn(server);
            handle
        });
        Self { address, lies, handle }
    }

    /// From now on the real platform is not asked where this has an answer.
    pub fn invents(&self, lie: impl Fn(&str) -> Option<Value> + Send + Sync + 'static) {
        *self.lies.invented.lock().unwrap() = Box::new(lie);
    }

    /// From now on this happens to the real one's answers.
    pub fn changes(&self, lie: impl Fn(&str, &mut Value) + Send + Sync + 'static) {
        *self.lies.changed.lock().unwrap() = Box::new(lie);
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        wait(self.handle.stop(false));
    }
}

async fn answer(lies: web::Data<Lies>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    let path = request.path().to_owned();
    let invented = (lies.invented.lock().unwrap())(&path);
    if let Some(value) = invented {
        return HttpResponse::Ok().json(value);
    }
    let method = reqwest::Method::from_bytes(request.method().as_str().as_bytes()).unwrap();
    let mut ask = lies.client.request(method, format!("{}{}", lies.real, request.uri()));
    for (name, value) in request.headers() {
        if !matches!(name.as_str(), "host" | "content-length") {
            ask = ask.header(name.as_str(), value.as_bytes());
        }
    }
    let real = ask.body(body.to_vec()).send().await.unwrap();
    let status = StatusCode::from_u16(real.status().as_u16()).unwrap();
    let kind = real.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
    let mut bytes = real.bytes().await.unwrap().to_vec();
    if let Ok(mut value) = serde_json::from_slice::<Value>(&bytes) {
        (lies.changed.lock().unwrap())(&path, &mut value);
        bytes = serde_json::to_vec(&value).unwrap();
    }
    let mut told = HttpResponse::build(status);
    if let Some(kind) = kind {
        told.insert_header(("content-type", kind));
    }
    told.body(bytes)
}
