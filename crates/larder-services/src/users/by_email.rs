//! The user who logs in with an address.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use larder_pool::Connection;

use super::{Credentials, lower};
use crate::inputs::Email;
use crate::schema::users;

pub(super) async fn find(email: &Email, conn: &mut Connection) -> QueryResult<Option<Credentials>> {
    users::table
        .filter(lower(users::email).eq(lower(email)))
        .filter(users::is_active)
        .select(Credentials::as_select())
        .get_result(conn)
        .await
        .optional()
}
