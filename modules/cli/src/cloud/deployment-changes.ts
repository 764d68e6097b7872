// What a deployment changes and what it is made of, as lines of text. Pure.

export interface ModuleChange {
  module: string;
  change: 'added' | 'removed' | 'changed';
  paths: string[];
}

export interface DeploymentView {
  base: string | null;
  layers: string[];
}

export function changeLines(changes: readonly ModuleChange[]): string[] {
  return changes.map(
    ({ module, change, paths }) => `  ${module || 'device'} ${change}: ${paths.join(', ') || 'as a whole'}`,
  );
}

export function viewText({ base, layers }: DeploymentView): string {
  return [base ?? '(its own)', ...layers].join(' + ');
}
