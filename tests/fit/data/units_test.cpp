#include "fit/data/units.h"

#include <cmath>
#include <numbers>
#include <utility>
#include <vector>

#include "tests/support/catch.h"

using namespace crosslaw::fit;

TEST_CASE("Headers say their unit") {
  const auto factor = [](const char* header) { return count_unit_in_header(header).factor; };
  CHECK(factor("Params (M)") == 1e6);
  CHECK(factor("Params [B]") == 1e9);
  CHECK(factor("params (millions)") == 1e6);
  CHECK(factor("Model size (in billions)") == 1e9);
  CHECK(factor("tokens_B") == 1e9);
  CHECK(factor("tokens_b") == 1e9);
  CHECK(factor("Tokens, B") == 1e9);
  CHECK(factor("Tokens (T)") == 1e12);
  CHECK(factor("N (1e6)") == 1e6);
  CHECK(factor("N (x10^6)") == 1e6);
  CHECK(factor("C (PFLOPs)") == 1e15);
  CHECK(factor("train_EFLOPs") == 1e18);
  CHECK(factor("gflops") == 1e9);
  CHECK(factor("flops_1e18") == 1e18);
  CHECK(factor("C (PF-days)") == 8.64e19);
  for (const char* header : {"petaflop_s_days", "PF-days", "petaflop-days", "compute (PFLOP/s-day)",
                             "train_pflops_days"}) {
    INFO(header);
    CHECK(factor(header) == 8.64e19);
  }
  CHECK(factor("exaflop-days") == 8.64e22);
  CHECK(factor("Tokens (Mrd)") == 1e9);
  CHECK(factor("Parameter (Mio.)") == 1e6);
  CHECK(factor("N (×10⁶)") == 1e6);
  CHECK(factor("D (10¹²)") == 1e12);
}

TEST_CASE("Headers say that a column holds logarithms, and to which base") {
  for (const auto& [header, base] :
       std::vector<std::pair<const char*, double>>{{"log10_params", 10},
                                                   {"log10(N)", 10},
                                                   {"Log10 tokens", 10},
                                                   {"ln N", std::numbers::e},
                                                   {"log2_flops", 2},
                                                   {"logN", 0},
                                                   {"log_params", 0},
                                                   {"log(D)", 0}}) {
    INFO(header);
    const CountUnit unit = count_unit_in_header(header);
    CHECK(unit.logarithm);
    CHECK(unit.log_base == base);
  }
  for (const char* header : {"login", "lgbm", "logs", "log", "lnn", "flops"}) {
    INFO(header);
    CHECK_FALSE(count_unit_in_header(header).logarithm);
  }
  CHECK(parse_count_unit("--params-unit", "log10", false).log_base == 10);
  CHECK(loss_in_nats(std::log(3.0), parse_loss_unit("ln")) == Approx(3));
  CHECK(loss_in_nats(-0.5, LossUnit::kLog10) == Approx(std::pow(10, -0.5)));
  CHECK(loss_unit_in_header("log10(loss)") == LossUnit::kLog10);
  CHECK(loss_unit_in_header("log_loss") == LossUnit::kUnsaid);
}

TEST_CASE("Losses to base 2 are in bits, however that is written") {
  for (const char* header : {"loss (base 2)", "log2_loss", "loss_bits", "xent (bits)", "loss [bit]",
                             "bits_per_token", "loss_log2", "bpt"}) {
    INFO(header);
    CHECK(loss_unit_in_header(header) == LossUnit::kBits);
  }
  CHECK(loss_unit_in_header("loss_log10") == LossUnit::kLog10);
  CHECK(loss_unit_in_header("loss (base e)") == LossUnit::kNats);
  CHECK(loss_unit_in_header("bits_per_byte,none") == LossUnit::kBitsPerByte);
  CHECK(loss_unit_in_header("test_perp") == LossUnit::kPerplexity);
  for (const char* header :
       {"loss_8bit", "loss_8_bit", "loss_4bits", "loss (16 bits)", "val_loss", "hyperparam_loss",
        "loss_supplies", "loss_rabbits", "loss_appliance", "loss_senators", "loss_subpcs"}) {
    INFO(header);
    CHECK(loss_unit_in_header(header) == LossUnit::kUnsaid);
  }
}

TEST_CASE("Tokens may come in pieces of any size") {
  CHECK(parse_count_unit("--tokens-unit", "2048", true).factor == 2048);
  CHECK(parse_count_unit("--flops-unit", "petaflop_s_days", false).factor == 8.64e19);
}

TEST_CASE("Headers without a unit stand as they are") {
  for (const char* header : {"N", "B", "t", "M", "params", "num_tokens", "N_no_emb", "flops",
                             "D_pre", "loss (2024)", "tokens_total", "width_1024"}) {
    INFO(header);
    CHECK(count_unit_in_header(header).factor == 1);
  }
  CHECK(count_unit_in_header("tokens_per_param").per_param);
  CHECK(count_unit_in_header("D/N").per_param);
}

TEST_CASE("Flags say a unit, or are refused with what they take") {
  CHECK(parse_count_unit("--params-unit", "M", false).factor == 1e6);
  CHECK(parse_count_unit("--params-unit", "1", false).factor == 1);
  CHECK(parse_count_unit("--flops-unit", "PFLOPs", false).factor == 1e15);
  CHECK(parse_count_unit("--flops-unit", "1e18", false).factor == 1e18);
  CHECK(parse_count_unit("--tokens-unit", "per-param", true).per_param);
  CHECK_THROWS_WITH(parse_count_unit("--params-unit", "x", false), has_text("--params-unit x"));
  CHECK_THROWS_WITH(parse_count_unit("--params-unit", "7", false), has_text("--params-unit 7"));
  CHECK_THROWS_WITH(parse_loss_unit("furlongs"), has_text("nats, bits, ppl"));
}

TEST_CASE("Losses come into nats") {
  CHECK(loss_in_nats(std::exp(2.5), LossUnit::kPerplexity) == Approx(2.5));
  CHECK(loss_in_nats(3.6, LossUnit::kBits) == Approx(3.6 * std::log(2)));
  CHECK(loss_in_nats(2.5, LossUnit::kUnsaid) == 2.5);
  CHECK(loss_unit_in_header("val_ppl") == LossUnit::kPerplexity);
  CHECK(loss_unit_in_header("eval/perplexity") == LossUnit::kPerplexity);
  CHECK(loss_unit_in_header("bits_per_byte") == LossUnit::kBitsPerByte);
  CHECK(loss_unit_in_header("BPB") == LossUnit::kBitsPerByte);
  CHECK(loss_unit_in_header("loss (bits)") == LossUnit::kBits);
  CHECK(loss_unit_in_header("loss_nats") == LossUnit::kNats);
  CHECK(loss_unit_in_header("loss_nats_per_byte") == LossUnit::kNatsPerByte);
  CHECK(loss_unit_in_header("val_loss") == LossUnit::kUnsaid);
}
