//! The section `[admin]`: the pages that the instance shows of itself.

use std::net::SocketAddr;

use crate::admin_token::AdminToken;
use crate::definition::Default::{ByProfile, Everywhere};
use crate::definition::section;
use crate::parse::HostPort;

section! {
    /// The pages that the instance shows of itself: health, metrics, the dashboard. They need the
    /// feature `admin`.
    "admin" => AdminConfig {
        /// Whether the instance serves the pages at an address of its own. A service that mounts them in its own server leaves this off.
        enabled: bool {
            default: ByProfile { dev: "true", staging: "false", prod: "false", test: "false" },
        }
        /// Where they are served. Whoever reaches an address beyond this machine has to show the token. Port 0 takes any.
        address: SocketAddr {
            default: Everywhere("127.0.0.1:7432"),
        }
        /// What a visitor has to show, at least 16 characters: as `Authorization: Bearer ...`, or in the form of the dashboard. Without it the pages answer only programs of this machine, which ask for it by a name of its own; outside dev and test nothing can be done from them then.
        token: Option<AdminToken> {
            secret: true,
        }
        /// Further names by which the pages may be asked for where there is no token, and from which their forms may come where a proxy does not pass on the header `Host`. They keep a foreign web site from reading the pages through a visitor's browser.
        hosts: Vec<HostPort> {}
        /// Whether the dashboard may invalidate tags and cancel sessions, each after a question. Outside dev and test this needs the token.
        actions: bool {
            default: Everywhere("false"),
        }
    }
}
