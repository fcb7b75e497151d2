//! Files of real sizes for the demo's bids: valid PDF and spreadsheet files, made on the spot.
//!
//! Their bulk is a pseudo-random stream, so that nothing in them compresses away; each carries a
//! marker in clear, which a search of the platform's folders and memory must not find before the
//! opening.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::crypto::entropy::{Entropy, SeededEntropy};

const PIECE: usize = 64 << 10;

/// A byte count that remembers where PDF objects begin.
struct Counted<W> {
    inner: W,
    written: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.written = self.written.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Writes a one-page PDF that shows `title` and holds an attachment-like stream of `bulk` bytes.
///
/// # Errors
/// What the disk says.
pub fn pdf(path: &Path, title: &str, marker: &str, bulk: u64, seed: u64) -> io::Result<()> {
    let file = BufWriter::new(File::create_new(path)?);
    let mut out = Counted { inner: file, written: 0 };
    let shown = title.replace(['(', ')', '\\'], " ");
    let page = format!("BT /F1 18 Tf 60 760 Td ({shown}) Tj ET\n");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R \
         /Resources << /Font << /F1 4 0 R >> >> >>"
            .to_owned(),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
        format!("<< /Length {} >>\nstream\n{page}endstream", page.len()),
    ];
    write!(out, "%PDF-1.7\n%{marker}\n")?;
    let mut starts = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        starts.push(out.written);
        write!(out, "{} 0 obj\n{object}\nendobj\n", index + 1)?;
    }
    starts.push(out.written);
    write!(out, "{} 0 obj\n<< /Length {bulk} >>\nstream\n", starts.len())?;
    noise(&mut out, bulk, seed)?;
    write!(out, "\nendstream\nendobj\n")?;
    let table = out.written;
    write!(out, "xref\n0 {}\n0000000000 65535 f \n", starts.len() + 1)?;
    for start in &starts {
        writeln!(out, "{start:010} 00000 n ")?;
    }
    let size = starts.len() + 1;
    write!(out, "trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n")?;
    out.flush()
}

/// Writes a price sheet of about `rows` lines as SpreadsheetML 2003, which spreadsheet programs
/// open; its unit prices add up to nothing in particular.
///
/// # Errors
/// What the disk says.
pub fn spreadsheet(path: &Path, title: &str, marker: &str, rows: u32, seed: u64) -> io::Result<()> {
    let mut out = BufWriter::new(File::create_new(path)?);
    let entropy = SeededEntropy::new(seed);
    write!(
        out,
        "<?xml version=\"1.0\"?>\n<?mso-application progid=\"Excel.Sheet\"?>\n\
         <Workbook xmlns=\"urn:schemas-microsoft-com:office:spreadsheet\" \
         xmlns:ss=\"urn:schemas-microsoft-com:office:spreadsheet\">\n\
         <!-- {marker} -->\n<Worksheet ss:Name=\"Prices\"><Table>\n"
    )?;
    row(&mut out, &[title.to_owned(), "qty".to_owned(), "unit price".to_owned()])?;
    for index in 0..rows {
        let mut pair = [0; 4];
        entropy.fill(&mut pair).map_err(io::Error::other)?;
        let [a, b, c, d] = pair;
        let (quantity, price) = (u16::from_be_bytes([a, b]) % 500 + 1, u16::from_be_bytes([c, d]));
        let cells = [format!("item {index}"), quantity.to_string(), format!("{price}.50")];
        row(&mut out, &cells)?;
    }
    writeln!(out, "</Table></Worksheet></Workbook>")?;
    out.flush()
}

fn row(out: &mut impl Write, cells: &[String]) -> io::Result<()> {
    write!(out, "<Row>")?;
    for cell in cells {
        let text = cell.replace('&', "&amp;").replace('<', "&lt;");
        write!(out, "<Cell><Data ss:Type=\"String\">{text}</Data></Cell>")?;
    }
    writeln!(out, "</Row>")
}

fn noise(out: &mut impl Write, mut left: u64, seed: u64) -> io::Result<()> {
    let entropy = SeededEntropy::new(seed);
    let mut piece = vec![0; PIECE];
    while left > 0 {
        let take = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
        let part = piece.get_mut(..take).unwrap_or_default();
        entropy.fill(part).map_err(io::Error::other)?;
        out.write_all(part)?;
        left = left.saturating_sub(u64::try_from(take).unwrap_or(left));
    }
    Ok(())
}
