#include "fit/data/plausibility.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "fit/data/data_file.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;

namespace {

struct Scales {
  double params = 1, tokens = 1, flops = 1;
};

// 20 models by a planted law, N and D and C written in units, the loss by a function.
std::string table(
    const std::string& header, const Scales& scales,
    double (*loss)(double) = [](double nats) { return nats; }) {
  std::string out = header + "\n";
  for (const double n : {5e7, 1.2e8, 3e8, 7e8, 1.3e9}) {
    for (const double ratio : {5.0, 10.0, 20.0, 40.0}) {
      const double d = n * ratio;
      const double nats = planted::kE + planted::kA * std::pow(n, -planted::kAlpha) +
                          planted::kB * std::pow(d, -planted::kBeta);
      out += fmt::format("{:.10g},{:.10g},{:.10g},{:.10g}\n", n / scales.params, d / scales.tokens,
                         6 * n * d / scales.flops, loss(nats));
    }
  }
  return out;
}

DataFile read(const std::string& text, DataFileOptions options = {}) {
  options.path = "f.csv";
  return parse_data(text, options);
}

// All sentences that refuse.
std::string graves(const DataFile& file) {
  std::string out;
  for (const Doubt& each : file.doubts) {
    if (each.grave) out += each.sentence + "\n";
  }
  return out;
}

std::string said(const DataFile& file) {
  std::string out;
  for (const Doubt& each : file.doubts) out += each.sentence + "\n";
  return out;
}

}  // namespace

TEST_CASE("Units in the header are taken") {
  const Points truth = read(table("N,D,C,loss", {})).points;
  for (const auto& [header, scales] : std::vector<std::pair<std::string, Scales>>{
           {"Params (M),Tokens (B),FLOPs,val_loss", {1e6, 1e9, 1}},
           {"params_m,tokens_b,train_pflops,loss", {1e6, 1e9, 1e15}},
           {"N [billions],D [1e9],C,loss", {1e9, 1e9, 1}}}) {
    const DataFile file = read(table(header, scales));
    INFO(header);
    CHECK(said(file).empty());
    REQUIRE(file.points.size() == truth.size());
    CHECK(file.points[7].params == Approx(truth[7].params));
    CHECK(file.points[7].tokens == Approx(truth[7].tokens));
  }
}

TEST_CASE("A unit in the cell stands for itself under a header that has one") {
  const DataFile file = read("Params (M),D,loss\n53,1e9,3.5\n1.3B,2e10,3\n");
  CHECK(file.points[0].params == 53e6);
  CHECK(file.points[1].params == 1.3e9);
}

TEST_CASE("Counts that can be none are refused with what they look like and the flag") {
  CHECK_THAT(graves(read(table("N,D,C,loss", {1e6, 1, 1}))), has_text("--params-unit M"));
  CHECK_THAT(graves(read(table("N,D,C,loss", {1e9, 1, 1}))), has_text("--params-unit B"));
  CHECK_THAT(graves(read(table("N,D,C,loss", {1, 1e9, 1}))), has_text("--tokens-unit B"));
  CHECK_THAT(graves(read(table("N,D,C,loss", {1, 1e6, 1}))), has_text("--tokens-unit M"));
  const std::string both = graves(read(table("N,D,C,loss", {1e6, 1e9, 1})));
  CHECK_THAT(both, has_text("--params-unit M") && has_text("--tokens-unit B"));
  // A thousand tokens each are no unit that the count alone betrays, but its ratio does.
  CHECK_THAT(graves(read(table("N,D,C,loss", {1, 1e3, 1}))), has_text("tokens a parameter"));
  CHECK_THAT(graves(read(table("D,N,C,loss", {}))), has_text("the columns are swapped"));
}

TEST_CASE("The flag settles it") {
  DataFileOptions options;
  options.params_unit = "M";
  CHECK(said(read(table("N,D,C,loss", {1e6, 1, 1}), options)).empty());
  options.params_unit = "1";
  options.tokens_unit = "1";
  CHECK(graves(read(table("N,D,X,loss", {1e6, 1, 1}), options)).empty());
}

TEST_CASE("Tokens a parameter are no tokens") {
  std::string text = "N,D,loss\n";
  for (const double n : {5e7, 1e8, 2e8, 4e8}) {
    for (const double ratio : {5.0, 20.0, 80.0}) {
      text += fmt::format("{},{},{}\n", n, ratio, 3 - 0.1 * std::log(n * ratio / 1e9));
    }
  }
  CHECK_THAT(graves(read(text)), has_text("--tokens-unit per-param"));
  DataFileOptions options;
  options.tokens_unit = "per-param";
  CHECK(read(text, options).points[1].tokens == 1e9);
}

TEST_CASE("A perplexity is no loss, unless its name says so") {
  const auto perplexity = [](double nats) { return std::exp(nats); };
  CHECK_THAT(graves(read(table("N,D,C,loss", {}, perplexity))),
             has_text("perplexity") && has_text("--loss-unit ppl"));
  const DataFile named = read(table("N,D,C,val_ppl", {}, perplexity));
  CHECK(said(named).empty());
  CHECK(named.points[0].loss == Approx(read(table("N,D,C,loss", {})).points[0].loss).epsilon(1e-8));
  CHECK_THAT(named.loss_unit, has_text("perplexity"));
  // Nats under the name of a perplexity.
  CHECK_FALSE(graves(read(table("N,D,C,ppl", {}, [](double nats) { return nats / 2; }))).empty());
}

TEST_CASE("Losses above what knowing nothing costs are refused whatever their name says") {
  const auto wild = [](double nats) { return std::exp(4 * nats); };
  CHECK_THAT(graves(read(table("N,D,C,val_ppl", {}, wild))),
             has_text("column 'val_ppl': taken as nats, the logarithm of perplexity") &&
                 has_text("loses 11.5 nats") && has_text("--loss-unit nats"));
}

TEST_CASE("Perplexities of large models are doubted below 11.5, too") {
  // N 3e8 to 7e10: perplexities from 10 to 3.
  std::string text = "N,D,loss\n";
  for (const double n : {3e8, 1e9, 4e9, 1.5e10, 7e10}) {
    for (const double ratio : {10.0, 30.0, 90.0}) {
      const double nats = 1.69 + 406 * std::pow(n, -0.34) + 410 * std::pow(n * ratio, -0.28) - 0.8;
      text += fmt::format("{},{},{}\n", n, n * ratio, std::exp(nats));
    }
  }
  const DataFile file = read(text);
  CHECK(graves(file).empty());
  CHECK_THAT(said(file), has_text("it looks like perplexity") && has_text("--loss-unit ppl"));
  DataFileOptions options;
  for (const char* unit : {"ppl", "nats"}) {
    options.loss_unit = unit;
    CHECK(said(read(text, options)).empty());
  }
}

TEST_CASE("A unit that a flag names is tested like one of the header") {
  DataFileOptions options;
  const auto refusal = [&](const char* header = "N,D,C,loss") {
    return graves(read(table(header, {}), std::exchange(options, {})));
  };
  options.tokens_unit = "B";
  CHECK_THAT(refusal(), has_text("column 'D': taken as --tokens-unit says, the tokens go from ") &&
                            has_text("beyond any model; --tokens-unit 1"));
  options.tokens_unit = "M";
  CHECK_THAT(refusal(), has_text("tokens a parameter"));
  options.tokens_unit = "per-param";
  CHECK_THAT(refusal(), has_text("--tokens-unit"));
  options.params_unit = "B";
  CHECK_THAT(refusal(), has_text("taken as --params-unit says"));
  options.flops_unit = "EFLOPs";
  options.compute = "C";
  CHECK_THAT(refusal(), has_text("times 6ND"));
  // Nats under the name of perplexities, or of logarithms.
  for (const char* unit : {"ppl", "ln"}) {
    options.loss_unit = unit;
    INFO(unit);
    CHECK_THAT(said(read(table("N,D,C,loss", {}), options)), has_text("--loss-unit nats"));
  }
}

TEST_CASE("An accuracy rises, a loss falls") {
  const auto accuracy = [](double nats) { return 1 / nats; };
  CHECK_THAT(said(read(table("N,D,C,loss", {}, accuracy))), has_text("rises with compute"));
}

TEST_CASE("Compute that 6ND does not bear out is doubted, refused where it is used") {
  DataFileOptions options;
  options.compute = "C";
  CHECK_THAT(graves(read(table("N,D,C,loss", {1, 1, 1e15}), options)),
             has_text("--flops-unit PFLOPs"));
  const DataFile unused = read(table("N,D,C,loss", {1, 1, 1e12}));
  CHECK(graves(unused).empty());
  CHECK_THAT(said(unused), has_text("--flops-unit TFLOPs"));
  options.flops_unit = "TFLOPs";
  CHECK(said(read(table("N,D,C,loss", {1, 1, 1e12}), options)).empty());
}

TEST_CASE("Compute is held to 6ND by the limits that are told, refused only beyond any count") {
  const DataFile by_sixteen = read(table("N,D,flops,loss", {1, 1, 1.0 / 16}));
  CHECK(graves(by_sixteen).empty());
  CHECK_THAT(said(by_sixteen), has_text("16 times 6ND") && has_text("0.3 to 10 times"));
  CHECK_THAT(said(read(table("N,D,flops,loss", {1, 1, 5}))), has_text("0.2 times 6ND"));
  CHECK(said(read(table("N,D,flops,loss", {1, 1, 3}))).empty());
  DataFileOptions options;
  options.compute = "flops";
  CHECK(graves(read(table("N,D,flops,loss", {1, 1, 1.0 / 16}), options)).empty());
  // Of the table's last model, twenty tokens a parameter.
  const std::string odd = table("N,D,flops,loss", {}) + "1.3e9,2.6e10,2.028e23,2.7\n";
  CHECK_THAT(said(read(odd)), has_text("line 22: 1e+03 times 6ND beside a median of 1"));
}

TEST_CASE("Compute of a mixture of experts is that of its active parameters") {
  std::string text = "params,active_params,tokens,flops,loss\n";
  for (const double n : {5e7, 2e8, 8e8}) {
    for (const double d : {2e9, 8e9, 3e10}) {
      text += fmt::format("{},{},{},{},{}\n", 12 * n, n, d, 6 * n * d * 1.1,
                          1.7 + 400 * std::pow(n, -0.34) + 400 * std::pow(d, -0.28));
    }
  }
  CHECK_THAT(said(read(text)),
             has_text("a mixture of experts") && has_text("--params 'active_params'"));
  DataFileOptions options;
  options.params = "active_params";
  CHECK_THAT(said(read(text, options)), !has_text("experts") && !has_text("6ND"));
}

TEST_CASE("What follows from compute must make tokens a parameter that models see") {
  const auto derived = [](const char* header, double divisor) {
    return graves(read(table(header, {1, 1, divisor})));
  };
  CHECK(derived("N,x,flops,loss", 1).empty());
  CHECK_THAT(derived("N,x,flops,loss", 512),
             has_text("D = C/(6N) makes") && has_text("what one GPU, one step"));
  CHECK_THAT(derived("x,D,flops,loss", 1e-4), has_text("N = C/(6D) makes"));
  DataFileOptions options;
  options.flops_unit = "1";
  CHECK(graves(read(table("N,x,flops,loss", {1, 1, 512}), options)).empty());
}

TEST_CASE("Speeds, lengths and hours are not taken for compute in a unit") {
  std::string text = "N,D,tflops,C,loss\n";
  for (const double n : {5e7, 2e8, 8e8}) {
    for (const double d : {2e9, 8e9, 3e10}) {
      text += fmt::format("{},{},410,4096,{}\n", n, d,
                          1.7 + 400 * std::pow(n, -0.34) + 400 * std::pow(d, -0.28));
    }
  }
  CHECK_THAT(said(read(text)), has_text("'tflops'") && has_text("a speed?"));
  std::string context = text;
  context.replace(0, context.find('\n'), "N,D,x,C,loss");
  CHECK(said(read(context)).empty());
  context.replace(0, context.find('\n'), "N,D,x,compute (GPU hours),loss");
  CHECK(said(read(context)).empty());
  CHECK_THAT(graves(read(table("N,x,compute,loss", {1, 1, 1e18}))),
             has_text("hours of GPUs, dollars"));
}

TEST_CASE("A factor in the name of a loss is told") {
  const auto hundredfold = [](double nats) { return 100 * nats; };
  CHECK_THAT(graves(read(table("N,D,C,loss (x100)", {}, hundredfold))),
             has_text("its name says a factor: times 0.01") && !has_text("perplexity"));
  const auto in_thousandths = [](double nats) { return 1000 * nats; };
  CHECK_THAT(graves(read(table("N,D,C,loss 1e-3", {}, in_thousandths))), has_text("times 0.001"));
  CHECK(said(read(table("N,D,C,loss_step_1000", {}))).empty());
}

TEST_CASE("One row in another unit is named by its line") {
  std::string text = table("N,D,C,loss", {});
  text += "7,1.4e11,5.88e21,2.1\n";
  CHECK_THAT(graves(read(text)), has_text("line 22") && has_text("column 'N'"));
}

TEST_CASE("Losses above the logarithm of the vocabulary are named") {
  std::string text = "N,D,loss,vocab_size\n";
  for (int i = 1; i <= 8; ++i) text += fmt::format("{}e7,{}e9,{},256\n", i, i, 2.5 - 0.1 * i);
  CHECK(said(read(text)).empty());
  CHECK_THAT(said(read(text + "9e7,9e9,7.9,256\n")), has_text("line 10") && has_text("vocab_size"));
}

TEST_CASE("Published tables raise no alarm") {
  const std::vector<std::pair<std::string, std::vector<std::string>>> tables = {
      {"chinchilla_epoch.csv", {}},
      {"kyo_llm_df.csv", {}},
      {"gadre_104.csv", {"dataset=rpj"}},
      {"gadre_104.csv", {"dataset=c4_original"}},
      {"olmo_ladder_c4.csv", {"role=ladder"}},
      {"cerebras_gpt_pile.csv", {}}};
  for (const auto& [name, where] : tables) {
    DataFileOptions options;
    options.path = planted::data_path(name);
    options.where = where;
    INFO(name);
    CHECK(said(read_data_file(options)).empty());
  }
  for (const char* name : {"gemstones_hot.csv", "gemstones_cool_end.csv"}) {
    DataFileOptions options;
    options.path = planted::data_path(name);
    options.cluster = "run_name";
    INFO(name);
    CHECK(said(read_data_file(options)).empty());
  }
}

TEST_CASE("Compute that is not used is compared whatever its column is called") {
  for (const char* name : {"C", "flops", "Compute", "total_flos"}) {
    INFO(name);
    const std::string text = said(read(table(std::string("N,D,") + name + ",loss", {1, 1, 1e15})));
    CHECK_THAT(text, has_text("--flops-unit PFLOPs"));
  }
  CHECK(said(read(table("N,D,C (PFLOPs),loss", {1, 1, 1e15}))).empty());
}

TEST_CASE("Steps become tokens by the batch and the length that the file has") {
  const auto advice = [](const std::string& header, const std::string& rest) {
    std::string out = header + "\n";
    for (int i = 1; i <= 6; ++i) out += fmt::format("{}e8,{}000,{},{}\n", i, i, 4 - 0.2 * i, rest);
    DataFileOptions options;
    options.tokens = "steps";
    return graves(read(out, options));
  };
  CHECK_THAT(advice("params,steps,loss,batch_size,seq_len", "256,1024"),
             has_text("--tokens-unit 262144 (batch_size x seq_len)"));
  CHECK_THAT(advice("params,steps,loss,batch_tokens,seq_len", "400000,1024"),
             has_text("--tokens-unit 400000 (batch_tokens)"));
  // The batch of one device is not that of a step.
  CHECK_THAT(advice("params,steps,loss,batch_size,seq_len,grad_accum", "8,1024,4"),
             has_text("--tokens-unit 524288 multiplies"));
  DataFileOptions options;
  options.path = "f.csv";
  CHECK_THROWS_WITH(
      parse_data("params,steps,bs,seq_len,loss\n1e8,1000,64,2048,3\n2e8,2000,128,2048,2.9\n",
                 options),
      has_text("write a column of tokens, steps x bs x seq_len"));
}

TEST_CASE("Steps in the place of tokens get no advice that goes round in a circle") {
  DataFileOptions options;
  options.path = "f.csv";
  options.tokens = "steps";
  const DataFile file = parse_data(table("params,steps,x,loss", {1, 524288, 1}), options);
  CHECK_THAT(said(file), has_text("steps?") && has_text("--tokens-unit 524288"));
}
