// SPDX-License-Identifier: Apache-2.0
// A trainer cannot be given the test images. GIVEN is bnas::Train in the twin, bnas::Test in the test.
#include <memory>

#include "bnas/nas/supervised_trainer.hpp"

std::unique_ptr<bnas::nas::ChildTrainer> trainer(const bnas::nas::SupervisedTask& task, const GIVEN& images,
                                                 const bnas::Valid& valid) {
  return std::make_unique<bnas::nas::SupervisedTrainer>(task, images, valid, bnas::Device{});
}
