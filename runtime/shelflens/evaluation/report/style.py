"""The style of `report.html`: light and dark, phone and desktop, print; no font is loaded."""

CSS = """
:root{color-scheme:light dark;--paper:#f5f3ee;--card:#fff;--ink:#1c2126;--soft:#5d6670;
--line:#e3dfd6;--well:#efece5;--good:#1a7350;--good-well:#e2f1ea;--bad:#b93a31;--bad-well:#fae6e3;
--warn:#8a5a00;--warn-well:#faefd7}
@media (prefers-color-scheme:dark){:root{--paper:#121518;--card:#1b2024;--ink:#e9ecef;
--soft:#a0a9b2;--line:#2e353b;--well:#252b30;--good:#5fcf9d;--good-well:#16352a;--bad:#f58d83;
--bad-well:#42201d;--warn:#eabf66;--warn-well:#3a2c10}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-behavior:smooth}
body{margin:0;background:var(--paper);color:var(--ink);
font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif;
overflow-wrap:break-word}
main{max-width:1120px;margin:0 auto;padding:40px 20px 80px}
h1{font-size:clamp(1.7rem,4.5vw,2.6rem);line-height:1.15;margin:0 0 10px;letter-spacing:-.02em;
text-wrap:balance}
h2{font-size:1.5rem;line-height:1.25;margin:64px 0 6px;letter-spacing:-.01em;scroll-margin-top:16px}
h3{font-size:1.05rem;line-height:1.35;margin:0}
h4{font-size:1.05rem;margin:32px 0 10px}
p{margin:0 0 10px}
a{color:var(--good)}
.intro{color:var(--soft);max-width:72ch}
.small{color:var(--soft);font-size:.85rem;margin:0}
.brand{font-weight:650;letter-spacing:.02em;color:var(--good);margin:0 0 14px}
.summary,.cards,.plots{display:grid;gap:16px;margin:22px 0}
.summary{grid-template-columns:repeat(auto-fit,minmax(min(100%,215px),1fr))}
.cards{grid-template-columns:repeat(auto-fill,minmax(min(100%,330px),1fr))}
.plots{grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr))}
.key-figure,.card,.advice li,.plot{background:var(--card);border:1px solid var(--line);
border-radius:16px;padding:18px 20px;min-width:0}
.key-figure b{display:block;font-size:2.5rem;line-height:1.1;letter-spacing:-.03em;
font-variant-numeric:tabular-nums}
.key-figure span{font-size:.95rem}.key-figure small{display:block;color:var(--soft);margin-top:6px}
.good b{color:var(--good)}.bad b{color:var(--bad)}.warn b{color:var(--warn)}
.advice{list-style:none;counter-reset:n;margin:20px 0;padding:0;display:grid;gap:12px}
.advice li{counter-increment:n;display:grid;grid-template-columns:44px minmax(0,1fr);
column-gap:16px}
.advice li::before{content:counter(n);width:44px;height:44px;border-radius:50%;display:grid;
place-items:center;background:var(--good-well);color:var(--good);font-weight:700;font-size:1.15rem}
.advice p{margin:4px 0 0}.advice .more{font-size:.92rem}
code{font:.86em ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;background:var(--well);
padding:2px 7px;border-radius:6px;overflow-wrap:anywhere}
.pics{display:grid;grid-template-columns:repeat(3,minmax(0,1fr));gap:10px;margin-top:14px}
.pics.two{grid-template-columns:repeat(2,minmax(0,1fr))}
figure{margin:0;min-width:0}
figure img,.none{display:block;width:100%;aspect-ratio:1;object-fit:contain;border-radius:10px;
background:var(--well);border:2px solid transparent}
.none{display:grid;place-items:center;color:var(--soft);font-size:.8rem;text-align:center}
figure.ok img,figure.ok .none{border-color:var(--good)}
figure.no img,figure.no .none{border-color:var(--bad)}
figcaption{hyphens:auto;font-size:.8rem;line-height:1.3;margin-top:6px;color:var(--soft)}
figcaption b{display:block;color:var(--ink);font-weight:600}
.card p{margin:8px 0 0;font-size:.92rem}
.tag{display:inline-block;border-radius:99px;padding:2px 11px;font-size:.8rem;font-weight:650;
margin-bottom:9px;background:var(--well);color:var(--soft)}
.tag.bad{background:var(--bad-well);color:var(--bad)}
.tag.good{background:var(--good-well);color:var(--good)}
.tag.warn{background:var(--warn-well);color:var(--warn)}
.file{font-size:.78rem;color:var(--soft);overflow-wrap:anywhere}
.note{border-left:4px solid var(--warn);background:var(--warn-well);border-radius:0 10px 10px 0;
padding:10px 16px;margin:14px 0;font-size:.93rem}
.scroll{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:16px}
table{border-collapse:collapse;width:100%;font-size:.9rem;font-variant-numeric:tabular-nums}
th,td{padding:8px 14px;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
td.wrap{white-space:normal;min-width:200px;color:var(--soft)}
th:first-child,td:first-child,td.wrap,th.wrap{text-align:left}
th{font-weight:600;color:var(--soft);font-size:.82rem}tr:last-child td{border-bottom:0}
td:first-child{white-space:normal;min-width:150px}
summary{cursor:pointer;font-weight:600;padding:12px 0}
.plot p{color:var(--soft);font-size:.9rem;margin:2px 0 8px}
svg{display:block;width:100%;height:auto}
svg text{font:12px system-ui,sans-serif;fill:var(--soft)}
svg text.value{fill:var(--ink);font-weight:650}
.grid{stroke:var(--line);fill:none}.line{fill:none;stroke-width:2.5;stroke-linejoin:round}
.line.good{stroke:var(--good)}.range{stroke-width:1.5;opacity:.6}
.line.warn{stroke:var(--warn);stroke-dasharray:7 4}
.dot.good{fill:var(--good)}.dot.bad{fill:var(--bad)}
.area{stroke-width:1.5;fill-opacity:.25}.area.good{fill:var(--good);stroke:var(--good)}
.area.bad{fill:var(--bad);stroke:var(--bad)}
.mark{stroke:var(--ink);stroke-dasharray:4 4;fill:none;opacity:.7}
.key i{display:inline-block;width:11px;height:11px;border-radius:3px;margin:0 5px 0 0}
.key span{margin-right:16px}.key .good{background:var(--good)}
.key .bad{background:var(--bad)}.key .warn{background:var(--warn)}
footer{margin-top:64px;color:var(--soft);font-size:.88rem;border-top:1px solid var(--line);
padding-top:18px}
@media (max-width:520px){main{padding:24px 14px 56px}
.key-figure,.card,.plot,.advice li{padding:14px}
.summary{grid-template-columns:repeat(2,minmax(0,1fr));gap:10px}.key-figure b{font-size:1.9rem}
h2{margin-top:48px}th,td{padding:7px 9px}.figures td{white-space:normal;min-width:0}
.figures td.wrap{min-width:104px}
.advice li{grid-template-columns:34px minmax(0,1fr);column-gap:12px}
.advice li::before{width:34px;height:34px}}
@media print{body{background:#fff}.card,.key-figure,.advice li,.plot{break-inside:avoid}}
"""
