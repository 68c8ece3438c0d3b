//! What stands between `{{` and `}}`: arguments of Argo (valyala/fasttemplate), and Flagger's Go templates.

/// Puts in what a function returns for each; what it refuses stays as it was.
///
/// Returns the text, and what was refused.
pub(super) fn filled(
    text: &str,
    fill: &mut dyn FnMut(&str) -> Result<String, String>,
) -> (String, Vec<String>) {
    let (mut filled, mut refused) = (String::new(), Vec::new());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        filled.push_str(before);
        let Some((inner, behind)) = after.split_once("}}") else {
            filled.push_str("{{");
            refused.push("'{{' without '}}'".to_owned());
            rest = after;
            continue;
        };
        match fill(inner.trim()) {
            Ok(value) => filled.push_str(&value),
            Err(why) => {
                filled.extend(["{{", inner, "}}"]);
                if !refused.contains(&why) {
                    refused.push(why);
                }
            }
        }
        rest = behind;
    }
    filled.push_str(rest);
    (filled, refused)
}

/// Fills Flagger's functions in: `target`, `variables.status`, `printf "%s-canary" target`.
pub(super) fn evaluated(inner: &str, value: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let stranger = || format!("'{{{{ {inner} }}}}' is not read");
    let words = shlex::split(inner).ok_or_else(stranger)?;
    match words.as_slice() {
        [name] => value(name).ok_or_else(stranger),
        [printf, form, arguments @ ..] if printf == "printf" => {
            let mut parts = form.split("%s");
            let mut text = parts.next().unwrap_or_default().to_owned();
            let mut count = 0;
            for (part, name) in parts.zip(arguments) {
                // A word in quotes is a text.
                let is_text = inner.contains(&format!("\"{name}\""));
                let put = if is_text { Some(name.clone()) } else { value(name) };
                text.push_str(&put.ok_or_else(stranger)?);
                text.push_str(part);
                count += 1;
            }
            let fits = count == arguments.len() && form.matches('%').count() == count;
            fits.then_some(text).ok_or_else(stranger)
        }
        _ => Err(stranger()),
    }
}
