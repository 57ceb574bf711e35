/**
 * A click handler that ignores the second click of a double click. What a button does may have brought another button under the
 * pointer, such as "Allow Once" of the next question.
 */
export function onSingleClick(onPress: () => void): (event: MouseEvent) => void {
  return ({ detail }) => {
    if (detail < 2) onPress();
  };
}
