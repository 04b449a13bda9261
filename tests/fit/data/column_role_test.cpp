#include "fit/data/column_role.h"

#include "fit/data/records.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;

namespace {

std::string guessed(const std::string& header, Role role) {
  std::string row;
  for (const char c : header) row += c == ',' ? "1e9," : "";
  const Records records = parse_records(header + "\n" + row + "1e9\n", "f.csv", {});
  const auto found = guess_column(records, role, "--flag");
  return found ? found->column : "";
}

}  // namespace

TEST_CASE("Columns are found by the names that trainers and papers give them") {
  for (const char* name :
       {"N", "n", "params", "Params", "n_params", "num_params", "NumParams", "parameters",
        "Params (M)", "params_m", "Model Size", "config.n_params", "config.model.n_params",
        "summary/num_params", "total parameters", "trainable_params", "num-params"}) {
    INFO(name);
    CHECK(guessed(std::string(name) + ",x", Role::kParams) == name);
  }
  for (const char* name : {"D", "tokens", "num_tokens", "Tokens [B]", "tokens_B", "total_tokens",
                           "train/tokens_seen", "summary.total_tokens", "training tokens"}) {
    INFO(name);
    CHECK(guessed(std::string(name) + ",x", Role::kTokens) == name);
  }
  for (const char* name :
       {"loss", "Loss", "val_loss", "eval/loss", "final_loss", "val loss", "summary.eval/loss",
        "Validation Loss", "perplexity", "val_bpb", "smooth loss", "eval/c4_loss"}) {
    INFO(name);
    CHECK(guessed(std::string(name) + ",x", Role::kLoss) == name);
  }
  for (const char* name :
       {"C", "flops", "FLOPs", "compute", "total_flops", "train_PFLOPs", "FLOPs (1e18)"}) {
    INFO(name);
    CHECK(guessed(std::string(name) + ",x", Role::kCompute) == name);
  }
}

TEST_CASE("Names that only sound like a role are left alone") {
  for (const char* name : {"tokens_per_second", "batch_tokens", "tokenizer", "tokens_per_param",
                           "unique_tokens", "learning_rate", "width"}) {
    INFO(name);
    CHECK(guessed(std::string(name) + ",x", Role::kTokens).empty());
  }
  CHECK(guessed("flops_per_token,mfu_flops_second,x", Role::kCompute).empty());
  CHECK(guessed("loss_scale,aux_loss,x", Role::kLoss).empty());
}

TEST_CASE(
    "The usual column goes first, then the likelier name; equals are for the user to choose") {
  CHECK(guessed("params,N,x", Role::kParams) == "N");
  CHECK(guessed("val_loss,loss", Role::kLoss) == "val_loss");
  CHECK(guessed("Loss,loss,x", Role::kLoss) == "loss");
  CHECK(guessed("train_loss,val_loss", Role::kLoss) == "val_loss");
  CHECK_THROWS_WITH(guessed("loss_c4,loss_pile,x", Role::kLoss),
                    has_text("loss_c4, loss_pile") && has_text("--flag 'loss_c4'"));
}

TEST_CASE("The loss of a held-out text goes before one that does not say of what it is") {
  for (const char* name : {"val_loss", "eval/loss", "Validation Loss", "valid_loss", "test_loss",
                           "summary.val/loss"}) {
    INFO(name);
    CHECK(guessed(std::string("N,D,loss,") + name, Role::kLoss) == name);
  }
}

TEST_CASE("Names that trainers and papers use for a role are known") {
  CHECK(guessed("N,D,L", Role::kLoss) == "L");
  CHECK(guessed("N,D,L,eval_c4_loss", Role::kLoss) == "eval_c4_loss");
  for (const char* name : {"test_nll", "bits_per_token", "test_perp", "eval_nll", "val_xent"}) {
    INFO(name);
    CHECK(guessed(std::string(name) + ",x", Role::kLoss) == name);
  }
  CHECK(role_rank("bits_per_byte,none", Role::kLoss) > 0);
  for (const char* name : {"total_flos", "petaflop_s_days", "PF-days", "compute_petaflop_days",
                           "train pflop/s-days"}) {
    INFO(name);
    CHECK(guessed(std::string(name) + ",x", Role::kCompute) == name);
  }
}

TEST_CASE("A column of words is no column of numbers") {
  const Records records = parse_records("size,n_params\nsmall,1e8\nbig,1e9\n", "f.csv", {});
  CHECK(guess_column(records, Role::kParams, "--params")->column == "n_params");
  const Records sizes = parse_records("size,x\n125M,1\n1.3B,2\n", "f.csv", {});
  CHECK(guess_column(sizes, Role::kParams, "--params")->column == "size");
}

TEST_CASE("What a name says besides its role is read in whole words") {
  for (const char* name : {"loss_administration", "loss_catalog", "loss_maxims"}) {
    INFO(name);
    CHECK(guessed(std::string(name) + ",x", Role::kLoss) == name);
  }
  for (const char* name : {"moderated_tokens", "generated_tokens", "retrieval_tokens"}) {
    INFO(name);
    CHECK(guessed(std::string(name) + ",x", Role::kTokens) == name);
  }
  for (const char* name : {"warmup_tokens", "validTokens", "val_tokens", "eval/num_tokens",
                           "planned_tokens", "prompt_tokens", "batchTokens"}) {
    INFO(name);
    CHECK(guessed(std::string(name) + ",x", Role::kTokens).empty());
  }
  for (const char* name : {"router_z_loss", "teacherLoss", "loss_baseline", "initial_loss"}) {
    INFO(name);
    CHECK(guessed(std::string(name) + ",x", Role::kLoss).empty());
  }
  CHECK(guessed("router_loss,ce,x", Role::kLoss) == "ce");
}

TEST_CASE("Hours, money and speed are no compute") {
  for (const char* name : {"compute (GPU hours)", "Compute [$]", "budget_usd", "flops (per second)",
                           "FLOP/s", "compute (GPU-days)", "GPUHours_flops"}) {
    INFO(name);
    CHECK(guessed(std::string(name) + ",x", Role::kCompute).empty());
  }
  CHECK(guessed("compute (PFLOP/s-days),x", Role::kCompute) == "compute (PFLOP/s-days)");
}

TEST_CASE("MLflow writes params. before every setting") {
  CHECK(guessed("params.batch_size,params.n_layer,x", Role::kParams).empty());
  CHECK(guessed("params.batch_size,params.num_params,x", Role::kParams) == "params.num_params");
  CHECK(guessed("params.max_steps,params.total_tokens,x", Role::kTokens) == "params.total_tokens");
  // Of a nested object of counts.
  CHECK(guessed("params.total,x", Role::kParams) == "params.total");
}

TEST_CASE("Of student and teacher the student is meant") {
  CHECK(guessed("params_t,params_s,x", Role::kParams) == "params_s");
  CHECK(guessed("params_t,x", Role::kParams) == "params_t");
  // Those of tokens may be target and source.
  CHECK(guessed("tokens_s,tokens_t,x", Role::kTokens) == "tokens_t");
}

TEST_CASE("A column in one role is none of another") {
  const Records records = parse_records("c,flops,x\n3.1,1e18,1\n", "f.csv", {});
  CHECK(guess_column(records, Role::kCompute, "--compute", {"c"})->column == "flops");
}
