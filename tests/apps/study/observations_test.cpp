#include "apps/study/observations.h"

#include <set>

#include "sweep/plan/plan.h"
#include "sweep/spec/ladder.h"
#include "sweep/spec/spec.h"
#include "tests/support/catch.h"
#include "tests/support/small_sweep.h"

using namespace crosslaw;
using apps::has_several_budgets;

namespace {

using Ends = std::vector<std::pair<double, double>>;

// Ends of the runs from scratch of the paper's preset, N counted in three ways.
std::vector<Ends> ends_of_paper(const std::vector<double>& tokens_per_param) {
  sweep::SweepSpec spec = sweep::read_spec("sweep/presets/paper.toml");
  spec.tokens_per_param = tokens_per_param;
  const sweep::Plan plan = sweep::make_plan(
      spec, sweep::read_ladder(spec.ladder, spec.vocabulary, spec.tied_head), nullptr);
  std::vector<Ends> out(3);
  for (const sweep::PlannedRun& run : plan.runs) {
    if (run.row.language != "zh" || run.parent) continue;
    const auto tokens = static_cast<double>(run.row.tokens_target);
    const std::int64_t inner = run.row.params_blocks + run.row.params_norms;
    const std::int64_t all = inner + run.row.params_embedding + run.row.params_unembedding;
    out[0].emplace_back(static_cast<double>(all), tokens);
    out[1].emplace_back(static_cast<double>(inner), tokens);
    out[2].emplace_back(static_cast<double>(run.row.params_budget), tokens);
  }
  return out;
}

}  // namespace

TEST_CASE("Sizes at one budget each have not several, whatever D/N comes to") {
  CHECK_FALSE(has_several_budgets({}));
  CHECK_FALSE(has_several_budgets({{1e8, 2e9}, {2e8, 4.4e9}, {4e8, 7.1e9}}));
  CHECK_FALSE(has_several_budgets({{1e8, 2e9}, {1e8, 2.1e9}}));  // rounded to whole batches
}

TEST_CASE("One size at two numbers of tokens is enough to have several, in any order") {
  CHECK(has_several_budgets({{1e8, 2e9}, {2e8, 4e9}, {2e8, 8e9}}));
  CHECK(has_several_budgets({{2e8, 8e9}, {1e8, 2e9}, {2e8, 4e9}}));
}

TEST_CASE("The paper's sweep has one budget a size however N is counted") {
  for (const Ends& ends : ends_of_paper({20})) {
    CHECK(ends.size() == 40);
    CHECK_FALSE(has_several_budgets(ends));
  }
  for (const Ends& ends : ends_of_paper({20, 40})) {
    CHECK(ends.size() == 80);
    CHECK(has_several_budgets(ends));
  }
}

TEST_CASE("Two sources and two targets of one spec are four pairs, each with a label of its own") {
  tests::SmallSweep files;
  std::string text = tests::SmallSweep::spec_text();
  text.resize(text.find("[[strategy]]"));
  for (const char* language : {"zh", "ru"})
    text.insert(text.find("[train]"), std::string("[data.language.") + language + "]\ntrain = [\"" +
                                          language + "\"]\nvalid = [\"" + language + ".v\"]\n");
  const auto strategy = [&](const std::string& name, const std::string& language,
                            const std::string& from) {
    text += "[[strategy]]\nname = \"" + name + "\"\nlanguage = \"" + language + "\"\n" +
            (from.empty() ? "" : "from = \"" + from + "\"\nreplay = [0.0, 0.5]\n");
  };
  for (const char* language : {"en", "ru", "fr", "zh"}) strategy(language, language, "");
  for (const char* target : {"fr", "zh"}) {
    for (const char* source : {"en", "ru"})
      strategy(std::string(target) + "-from-" + source, target, source);
  }
  const sweep::SweepSpec spec = sweep::read_spec(files.folder.write("four.toml", text));
  const sweep::Plan plan = sweep::make_plan(
      spec, sweep::read_ladder(spec.ladder, spec.vocabulary, spec.tied_head), nullptr);
  db::RunStore store = db::RunStore::create(files.folder / "crosslaw.db");
  std::vector<db::RunRow> rows;
  for (const sweep::PlannedRun& run : plan.runs) {
    rows.push_back(run.row);
    rows.back().key = run.name;
  }
  store.sync_runs(rows);
  const apps::Observations observations(store, apps::ParamsCount::kAll);
  std::set<std::string> labels;
  for (const apps::LanguagePair& pair : observations.pairs()) {
    labels.insert(pair.label());
    CHECK(pair.continued == pair.language + "-from-" + pair.source_language);
    CHECK(pair.scratch == pair.language);
  }
  CHECK(observations.pairs().size() == 8);
  CHECK(labels.size() == 8);
  CHECK(labels.contains("zh+0.5 (zh-from-ru)"));
}
