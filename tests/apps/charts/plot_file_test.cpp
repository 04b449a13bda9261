#include "apps/charts/plot_file.h"

#include "apps/charts/documents.h"
#include "fit/laws/laws.h"
#include "fit/solve/fitter.h"
#include "tests/apps/charts/well_formed.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

using namespace crosslaw;
using namespace crosslaw::charts;

namespace {

Document hostile_document() {
  fit::FitOptions options;
  options.draws = 30;
  options.starts = 8;
  const fit::Points points = planted::reference_points("gadre_rpj_c4val");
  fit::FitResult fit = fit::fit_law(points, options);
  fit.problems = {"one <script>alert(1)</script> & more"};
  return fit_document(fit, points, {}, {"<&\">'\x02\xff.csv", "<N>", "D&D", "\"loss\""});
}

}  // namespace

TEST_CASE("A plot is SVG or HTML") {
  CHECK_NOTHROW(require_plot_name("a.svg"));
  CHECK_NOTHROW(require_plot_name("some.dir/a.html"));
  for (const char* name : {"a.gif", "svg", "a.SVG", ".svg", "a.svg/b", "a.html.gz", ""}) {
    CHECK_THROWS_AS(require_plot_name(name), std::invalid_argument);
  }
}

TEST_CASE("Hostile names stay text in the drawing") {
  const tests::TempFolder folder;
  write_plot((folder / "a.svg").string(), hostile_document());
  const std::string svg = tests::read_file(folder / "a.svg");
  CHECK_NOTHROW(tests::parse_xml(svg));
  CHECK_THAT(svg, has_text("one &lt;script&gt;") && !has_text("<script"));
}

TEST_CASE("Hostile names stay text in the page, which is whole in itself") {
  const tests::TempFolder folder;
  write_plot((folder / "a.html").string(), hostile_document());
  const std::string page = tests::read_file(folder / "a.html");
  CHECK_THAT(page, has_text("one &lt;script&gt;") && !has_text("<script") && !has_text("src=") &&
                       !has_text("href") && !has_text("@import"));
  CHECK_THAT(page, has_text("The optimum is stationary") && has_text("condition number"));
  std::size_t figures = 0;
  for (std::size_t at = page.find("<svg "); at != std::string::npos;
       at = page.find("<svg ", at + 1)) {
    const std::size_t end = page.find("</svg>", at) + 6;
    CHECK_NOTHROW(tests::parse_xml(page.substr(at, end - at)));
    ++figures;
  }
  CHECK(figures == 7);
}

TEST_CASE("A file that cannot be written is named, and nothing is left behind") {
  const tests::TempFolder folder;
  const std::string path = (folder / "nowhere/a.svg").string();
  const std::string message = tests::message_of([&] { write_plot(path, {}); });
  CHECK_THAT(message, has_text("--plot " + path) && has_text("No such file"));
  CHECK_THROWS_AS(write_plot(path, {}), std::runtime_error);
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("Formulas are set with raised exponents") {
  CHECK(html_formula("L = E + A/N^alpha") == "L = E + A/N<sup>&alpha;</sup>");
  CHECK(html_formula("B'/(D^beta' N^gamma) & <x>") ==
        "B&#39;/(D<sup>&beta;&prime;</sup> N<sup>&gamma;</sup>) &amp; &lt;x&gt;");
  CHECK(html_formula("a^") == "a^");
}

TEST_CASE("Tables are escaped, with header cells for columns and rows") {
  CHECK_THAT(html_table({{"", "<v>"}, {{"A&B", "1"}}}),
             has_text("<th scope=\"col\">&lt;v&gt;</th>") &&
                 has_text("<th scope=\"row\">A&amp;B</th><td>1</td>"));
}
