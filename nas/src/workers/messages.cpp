// SPDX-License-Identifier: Apache-2.0
#include "workers/messages.hpp"

#include <cmath>
#include <limits>
#include <new>
#include <stdexcept>

#include "bnas/core/error.hpp"
#include "bnas/nas/child_trainer.hpp"

namespace bnas::nas {
namespace {

Json number(double x) { return std::isfinite(x) ? Json(x) : Json(); }

double number(const Json& json) {
  return json.is_null() ? std::numeric_limits<double>::quiet_NaN() : json.get<double>();
}

Json error(const char* kind, const std::string& text) { return {{"kind", kind}, {"text", text}}; }

}  // namespace

Json to_json(const EpochMetrics& m) {
  return {m.epoch, number(m.train_loss), number(m.train_accuracy), number(m.valid_accuracy), number(m.learning_rate)};
}

EpochMetrics metrics_from_json(const Json& json) {
  return {json.at(0).get<int>(), number(json.at(1)), number(json.at(2)), number(json.at(3)), number(json.at(4))};
}

Json to_json(const Trial& trial) {
  Json blocks = Json::array();
  for (const Block& b : trial.genotype.blocks) {
    blocks.push_back({b.in0, b.op0, b.in1, b.op1});
  }
  Json curve = Json::array();
  for (const EpochMetrics& m : trial.curve) {
    curve.push_back(to_json(m));
  }
  return {{"id", trial.id},
          {"level", trial.level},
          {"rank", trial.rank},
          {"batch", trial.batch},
          {"blocks", std::move(blocks)},
          {"text", trial.text},
          {"epochs", trial.budget.epochs},
          {"max_images", trial.budget.max_images},
          {"predicted", trial.predicted ? number(*trial.predicted) : Json()},
          {"status", static_cast<int>(trial.status)},
          {"attempts", trial.attempts},
          {"reward", number(trial.reward)},
          {"best_epoch", trial.best_epoch},
          {"curve", std::move(curve)},
          {"message", trial.message}};
}

Trial trial_from_json(const Json& json) {
  Trial trial;
  json.at("id").get_to(trial.id);
  json.at("level").get_to(trial.level);
  json.at("rank").get_to(trial.rank);
  json.at("batch").get_to(trial.batch);
  for (const Json& b : json.at("blocks")) {
    trial.genotype.blocks.push_back({b.at(0).get<std::int8_t>(), b.at(1).get<std::uint8_t>(),
                                     b.at(2).get<std::int8_t>(), b.at(3).get<std::uint8_t>()});
  }
  json.at("text").get_to(trial.text);
  json.at("epochs").get_to(trial.budget.epochs);
  json.at("max_images").get_to(trial.budget.max_images);
  if (!json.at("predicted").is_null()) {
    trial.predicted = json.at("predicted").get<double>();
  }
  trial.status = static_cast<TrialStatus>(json.at("status").get<int>());
  json.at("attempts").get_to(trial.attempts);
  trial.reward = number(json.at("reward"));
  json.at("best_epoch").get_to(trial.best_epoch);
  for (const Json& m : json.at("curve")) {
    trial.curve.push_back(metrics_from_json(m));
  }
  json.at("message").get_to(trial.message);
  return trial;
}

Json current_error() {
  try {
    throw;
  } catch (const ChildRejected& e) {
    return error("rejected", e.what());
  } catch (const std::bad_alloc&) {
    return error("out_of_memory", "out of memory");
  } catch (const OutOfMemory& e) {
    return error("out_of_memory", e.what());
  } catch (const Error& e) {
    Json json = error("error", e.what());
    json["error_kind"] = static_cast<int>(e.kind());
    return json;
  } catch (const std::exception& e) {
    return error("exception", e.what());
  } catch (...) {
    return error("exception", "an exception of unknown type");
  }
}

void throw_error(const Json& json) {
  const auto kind = json.at("kind").get<std::string>();
  const auto text = json.at("text").get<std::string>();
  if (kind == "rejected") {
    throw ChildRejected(text);
  }
  if (kind == "out_of_memory") {
    throw OutOfMemory(text);
  }
  if (kind == "error") {
    throw Error(static_cast<ErrorKind>(json.at("error_kind").get<int>()), text);
  }
  throw std::runtime_error(text);
}

}  // namespace bnas::nas
