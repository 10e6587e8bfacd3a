//! Text that others wrote in Markdown (CommonMark), as HTML that is safe to stand in a page: no markup of their own, no pictures, and links only to
//! the web and to mail addresses. On the server only; the browser gets the HTML.

use pulldown_cmark::{Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd, html::push_html};

/// The HTML of a text. Its headings stand below the page's own.
pub fn html(text: &str) -> String {
    // Whether each link that is open is shown as one.
    let mut links: Vec<bool> = Vec::new();
    let events = Parser::new_ext(text, Options::empty()).filter_map(|event| match event {
        // Markup of their own is shown as what it is: text.
        Event::Html(text) | Event::InlineHtml(text) => Some(Event::Text(text)),
        Event::Start(Tag::HtmlBlock) => Some(Event::Start(Tag::Paragraph)),
        Event::End(TagEnd::HtmlBlock) => Some(Event::End(TagEnd::Paragraph)),
        // Of a picture its description stays.
        Event::Start(Tag::Image { .. }) | Event::End(TagEnd::Image) => None,
        Event::Start(Tag::Link { link_type, ref dest_url, .. }) => {
            // `<help@example.org>` is a link to a mail address, whose scheme is not written.
            let shown = link_type == LinkType::Email || leads_outside(dest_url);
            links.push(shown);
            shown.then_some(event)
        }
        Event::End(TagEnd::Link) => links.pop().unwrap_or(false).then_some(event),
        Event::Start(Tag::Heading { level, .. }) => {
            let level = below(level);
            Some(Event::Start(Tag::Heading { level, id: None, classes: Vec::new(), attrs: Vec::new() }))
        }
        Event::End(TagEnd::Heading(level)) => Some(Event::End(TagEnd::Heading(below(level)))),
        other => Some(other),
    });
    let mut html = String::new();
    push_html(&mut html, events);
    html
}

fn leads_outside(address: &str) -> bool {
    let address = address.trim().to_ascii_lowercase();
    ["https://", "http://", "mailto:"].iter().any(|scheme| address.starts_with(scheme))
}

fn below(level: HeadingLevel) -> HeadingLevel {
    match level {
        HeadingLevel::H1 => HeadingLevel::H3,
        HeadingLevel::H2 => HeadingLevel::H4,
        HeadingLevel::H3 => HeadingLevel::H5,
        HeadingLevel::H4 | HeadingLevel::H5 | HeadingLevel::H6 => HeadingLevel::H6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_look_like_steps() {
        let steps = "# Connect\n\n1. Open [Settings](https://beacon.example/settings).\n2. Paste the key into `usher.key`.\n\nAsk *us*: <help@beacon.example>";
        let shown = html(steps);
        assert!(shown.contains("<h3>Connect</h3>") && shown.contains("<ol>"), "{shown}");
        assert!(shown.contains("<a href=\"https://beacon.example/settings\">Settings</a>"), "{shown}");
        assert!(shown.contains("<code>usher.key</code>") && shown.contains("<em>us</em>"), "{shown}");
        assert!(shown.contains("href=\"mailto:help@beacon.example\""), "{shown}");
    }

    #[test]
    fn nothing_of_their_own_runs_or_is_fetched() {
        let hostile = [
            "<script>alert(1)</script>",
            "a <img src=x onerror=alert(1)> b",
            "<div onclick=\"alert(1)\">\n\nx\n\n</div>",
            "[x](javascript:alert(1))",
            "[x](JaVaScRiPt:alert(1))",
            "[x]( \"javascript:alert(1)\")",
            "[x](data:text/html;base64,PHNjcmlwdD4=)",
            "[x](vbscript:x)",
            "[x](/sign-out)",
            "[x](//evil.example/)",
            "![x](https://evil.example/pixel.png)",
            "![x](javascript:alert(1))",
            "<javascript:alert(1)>",
            "[a]\n\n[a]: javascript:alert(1)",
            "<iframe src=\"https://evil.example\"></iframe>",
            "[x](https://ok.example/\"onmouseover=\"alert(1))",
            "```\"><script>alert(1)</script>\nx\n```",
            "&lt;script&gt;",
            "[<script>x</script>](https://ok.example)",
        ];
        for text in hostile {
            let shown = html(text);
            let tags: Vec<&str> = shown
                .split('<')
                .skip(1)
                .map(|rest| rest.split(['>', ' ', '/']).find(|word| !word.is_empty()).unwrap_or(""))
                .collect();
            assert!(tags.iter().all(|tag| ["p", "a", "pre", "code"].contains(&tag.trim())), "{text}: {shown}");
            let addresses = shown.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap_or_default());
            for address in addresses {
                assert!(address.starts_with("https://ok.example"), "{text}: {shown}");
            }
        }
    }
}
