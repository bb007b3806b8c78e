// Levels as prices: which graph outputs they are, and what of them is known at a bar's close, sorted for the steps.
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "errors.hpp"
#include "kernel.hpp"

namespace ratchet {

/// What kind of level a price is. Names and order are those of LEVEL_GROUPS.
enum class LevelGroup : std::uint8_t {
    zones,     // of past turning points; strength: sum of their weights
    profile,   // point of control, value area and nodes of the volume profile
    session,   // the present day's and the day's before, by the clock
    range,     // high, low and close of the last so many bars
    round,     // round numbers of two magnitudes
    swing,     // ends, Fibonacci retracements and extensions of the live leg
    cluster,   // densest cluster of several swings' Fibonacci levels ahead; strength: its share of them
    harmonic,  // completions of the patterns that fit; strength: the fit
    elliott,   // targets of waves 3 and 5, where the live leg can be one
    gann,      // angles from the live leg's origin, square of nine
    trail,     // where a parabolic stop stands on the next bar
    book,      // walls of the order book; strength: multiple of the other levels' mean
};
inline constexpr std::array LEVEL_GROUPS = {"zones",   "profile",  "session", "range", "round", "swing",
                                            "cluster", "harmonic", "elliott", "gann",  "trail", "book"};

inline LevelGroup level_group(const std::string& name) {
    const auto found = std::find(LEVEL_GROUPS.begin(), LEVEL_GROUPS.end(), name);
    if (found == LEVEL_GROUPS.end())
        throw std::invalid_argument(message("level.group", "must be one that this engine knows", "'" + name + "'",
                                            "load the export with the engine version that wrote it"));
    return static_cast<LevelGroup>(found - LEVEL_GROUPS.begin());
}

/// The graph outputs of one level.
struct LevelOutputs {
    LevelGroup group;
    int price, strength = -1;  // -1: it has none
};

/// A level that is known at the last bar's close.
struct Level {
    double price, strength;  // strength in the group's own measure, NaN where it has none
    std::uint16_t index;     // in the model's list of levels
    LevelGroup group;
};

/// A level's place in the order of prices; infinity: not known.
struct LevelPlace {
    double price;
    std::size_t index;
};

/// The known ones among the levels, by price; of equal prices in the order of the list. `places` is the order of the
/// last bar, from which that of this one is hardly different. Memory is reused.
inline void gather(const std::vector<LevelOutputs>& levels, const std::vector<double>& outputs,
                   std::vector<LevelPlace>& places, std::vector<Level>& known) {
    if (places.size() != levels.size()) {
        places.clear();
        for (std::size_t i = 0; i < levels.size(); ++i) places.push_back({0.0, i});
    }
    for (std::size_t i = 0; i < places.size(); ++i) {
        const std::size_t index = places[i].index;
        const double price = outputs[static_cast<std::size_t>(levels[index].price)];
        const LevelPlace place{price > 0.0 ? price : INFINITY, index};
        std::size_t at = i;
        for (; at > 0; --at) {
            const LevelPlace& before = places[at - 1];
            if (before.price < place.price || (before.price == place.price && before.index < index)) break;
            places[at] = before;
        }
        places[at] = place;
    }
    known.clear();
    for (const LevelPlace& place : places) {
        if (place.price == INFINITY) break;
        const LevelOutputs& from = levels[place.index];
        const double strength = from.strength < 0 ? NaN : outputs[static_cast<std::size_t>(from.strength)];
        known.push_back({place.price, strength, static_cast<std::uint16_t>(place.index), from.group});
    }
}

}  // namespace ratchet
