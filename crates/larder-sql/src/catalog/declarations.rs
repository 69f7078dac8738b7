//! What a user declares where the catalog cannot tell.

/// What a user knows of the database that its catalog does not say.
///
/// Names are given as a statement gives them, with or without a schema: `totals`,
/// `app."Totals"`. A declaration is taken at its word. One whose names the catalog does not know
/// has no effect and is listed by
/// [`Catalog::ineffective_declarations`](super::Catalog::ineffective_declarations).
///
/// ```
/// use larder_sql::catalog::Declarations;
///
/// let declarations = Declarations::new()
///     .function_reads("restaurant_total", ["reviews"])
///     .function_writes("archive_reviews", ["reviews", "archive.reviews"])
///     .triggers_write("reviews", ["restaurants"])
///     .cacheable_table("remote.cuisines");
/// # let _ = declarations;
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Declarations {
    pub(super) functions: Vec<DeclaredFunction>,
    pub(super) triggers: Vec<DeclaredTriggers>,
    pub(super) tables: Vec<String>,
}

/// All functions of one name, and the tables that they touch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DeclaredFunction {
    pub(super) name: String,
    pub(super) reads: Vec<String>,
    pub(super) writes: Vec<String>,
}

/// All triggers and rules of a table, and the tables that they write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DeclaredTriggers {
    pub(super) table: String,
    pub(super) writes: Vec<String>,
}

impl Declarations {
    /// No declarations.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// All functions named `function` read `tables`, and touch no others unless
    /// [`function_writes`](Self::function_writes) says so; they write nothing, and their results
    /// depend on nothing but their arguments and the rows of these tables.
    #[must_use]
    pub fn function_reads<T: Into<String>>(
        mut self,
        function: &str,
        tables: impl IntoIterator<Item = T>,
    ) -> Self {
        let reads = tables.into_iter().map(Into::into);
        self.function(function).reads.extend(reads);
        self
    }

    /// All functions named `function` write `tables` and no others, in any way; they read no
    /// others unless [`function_reads`](Self::function_reads) says so. With no tables at all, the
    /// function is harmless: a function of triggers that only changes the row at hand.
    ///
    /// What triggers of those tables write, and what their foreign keys do on UPDATE and DELETE,
    /// need not be repeated; what a `TRUNCATE .. CASCADE` in the function empties has to be.
    #[must_use]
    pub fn function_writes<T: Into<String>>(
        mut self,
        function: &str,
        tables: impl IntoIterator<Item = T>,
    ) -> Self {
        let writes = tables.into_iter().map(Into::into);
        self.function(function).writes.extend(writes);
        self
    }

    /// All triggers and rules of `table`, of its partitions and of its children together write
    /// `tables` and no others. Of a view with triggers or rules these are all the tables that are
    /// written in its place. The same need not be repeated as in
    /// [`function_writes`](Self::function_writes).
    #[must_use]
    pub fn triggers_write<T: Into<String>>(
        mut self,
        table: &str,
        tables: impl IntoIterator<Item = T>,
    ) -> Self {
        self.triggers.push(DeclaredTriggers {
            table: table.to_owned(),
            writes: tables.into_iter().map(Into::into).collect(),
        });
        self
    }

    /// `table` may be cached although it is a foreign table, a sequence, or a table or view of
    /// the system. Changes of it that no statement of the caller's makes are then not noticed:
    /// only the time to live ends its results.
    #[must_use]
    pub fn cacheable_table(mut self, table: &str) -> Self {
        self.tables.push(table.to_owned());
        self
    }

    fn function(&mut self, name: &str) -> &mut DeclaredFunction {
        let found = self.functions.iter().position(|known| known.name == name);
        let at = found.unwrap_or_else(|| {
            self.functions.push(DeclaredFunction {
                name: name.to_owned(),
                reads: Vec::new(),
                writes: Vec::new(),
            });
            self.functions.len() - 1
        });
        &mut self.functions[at]
    }
}
