#include "fit/write/frontier_report.h"

#include <sstream>

#include "fit/data/data_file.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;

namespace {

IsoflopFit hoffmann() {
  IsoflopOptions options;
  options.frontier.draws = 60;
  options.frontier.flops = {5.76e23};
  return fit_isoflop(planted::reference_points("chinchilla_epoch_240"), options);
}

TrainingEnvelopeFit gemstones() {
  TrainingEnvelopeOptions options;
  options.frontier.draws = 30;
  options.frontier.flops = {1e20};
  DataFileOptions file;
  file.path = planted::data_path("gemstones_hot.csv");
  file.cluster = "run_name";
  return fit_training_envelope(read_data_file(file).points, options);
}

// A comma in quotes is of a reason, and separates nothing.
std::size_t cells_of(const std::string& line) {
  std::size_t cells = 1;
  bool quoted = false;
  for (const char each : line) {
    if (each == '"') quoted = !quoted;
    if (each == ',' && !quoted) ++cells;
  }
  CHECK_FALSE(quoted);
  return cells;
}

}  // namespace

TEST_CASE("Text says which N is reported, how budgets were grouped and what was left out") {
  const std::string text = render(hoffmann(), TableFormat::kText);
  CHECK_THAT(text, has_text("N* is the minimum of the parabola fitted at each budget"));
  CHECK_THAT(text, has_text("more than 5 % in C starts a new budget: 58 budgets, 14 used"));
  CHECK_THAT(text, has_text("best run's N"));
  CHECK_THAT(text, has_text("25 budgets (26 points) with 1 size, at least 4 are needed"));
  CHECK_THAT(text, has_text("60 draws, points resampled within each budget, seed 1"));
  CHECK_THAT(render(gemstones(), TableFormat::kText),
             has_text("N* is the size of the run with the least loss at each compute"));
}

TEST_CASE("CSV has every number in full and as many cells as columns") {
  const IsoflopFit fit = hoffmann();
  std::istringstream csv(render(fit, TableFormat::kCsv));
  std::string line, all;
  std::size_t columns = 0, rows = 0;  // of the table being read
  while (std::getline(csv, line)) {
    all += line + "\n";
    if (line.empty()) {
      columns = 0;
      continue;
    }
    INFO(line);
    const std::size_t cells = cells_of(line);
    if (columns == 0) columns = cells;
    CHECK(cells == columns);
    ++rows;
  }
  CHECK(rows > 58);  // the budgets alone
  CHECK_THAT(all, has_text("flops,points,sizes,params,params_ci95_low,params_ci95_high,tokens"));
  CHECK_THAT(all, has_text(exact(*fit.frontier->params.exponent.value)));
  CHECK_THAT(render(fit, TableFormat::kLatex), has_text("\\toprule"));
  CHECK_THAT(render(fit, TableFormat::kMarkdown), has_text("| power law of C"));
}

TEST_CASE("JSON numbers read back exactly, and what is absent is null") {
  const IsoflopFit fit = hoffmann();
  const nlohmann::json json = nlohmann::json::parse(to_json(fit).dump());
  CHECK(json["schema"] == 1);
  CHECK(json["budgets"].size() == 58);
  CHECK(json["laws"]["params"]["exponent"]["value"].get<double>() ==
        *fit.frontier->params.exponent.value);
  CHECK(json["rows"][0]["params"].get<double>() == *fit.frontier->rows[0].params.value);
  CHECK(json["budgets"][0]["left_out"] == "1 size, at least 4 are needed");
  const nlohmann::json envelope = nlohmann::json::parse(to_json(gemstones()).dump());
  CHECK(envelope["grid"] == 1500);
  CHECK(envelope["envelope"].size() > 5);
  CHECK(envelope["laws"]["tokens"]["exponent"]["ci95"].size() == 2);
  const Points one = {{1e8, 1e9, 3}, {2e8, 2e9, 2.9}};
  IsoflopOptions none;
  none.frontier.draws = 0;
  const nlohmann::json empty = nlohmann::json::parse(to_json(fit_isoflop(one, none)).dump());
  CHECK(empty["laws"].is_null());
  CHECK(empty["bootstrap"].is_null());
}
