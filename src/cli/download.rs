//! Files from the platform to the disk: streamed, whole under their name or not there.

use std::io::Write as _;
use std::path::Path;

use futures_util::StreamExt as _;
use reqwest::Method;

use super::client::{Access, Client};
use super::failed::Failed;
use super::output::{Access as FileAccess, NewFile, Progress};

impl Client {
    /// Saves what stands at an address into a new file; gives its length in bytes. `path` starts at
    /// the root.
    ///
    /// # Errors
    /// [`Failed`]; the file is then not there.
    pub async fn save(
        &self,
        path: &str,
        access: Access,
        to: &Path,
        file_access: FileAccess,
        progress: &dyn Progress,
    ) -> Result<u64, Failed> {
        let mut file = NewFile::create(to, file_access)?;
        let request = self.request(Method::GET, path, access).await?;
        let response = request.send().await.map_err(|e| self.unreachable(&e))?;
        let response = self.refusal_of(response).await?;
        let total = response.content_length();
        let mut done = 0_u64;
        let mut pieces = response.bytes_stream();
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|e| self.unreachable(&e))?;
            file.writer().write_all(&piece).map_err(|e| Failed::file(to, &e))?;
            done = done.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
            progress.at(done, total.unwrap_or(done.saturating_add(1)));
        }
        progress.at(done, done);
        file.keep()?;
        Ok(done)
    }
}
